/** Texts of events that are kept of a topic, to be compared with what others get under the same number. */
const KEPT = 5_000;

/** What all subscribers of a topic agree on, and what they do not. */
export class Book {
  readonly violations: string[] = [];
  private readonly texts = new Map<number, string>();
  private epoch: string | undefined;
  /** Events that all subscribers together got. */
  delivered = 0;
  /** Subscriptions that went on where they were. */
  resumed = 0;

  /** @param onNew told of each event that no subscriber had got before */
  constructor(
    readonly topic: string,
    private readonly onNew: (text: string) => void = () => undefined,
  ) {}

  /** Notes what is not as it must be. */
  violated(who: string, what: string): void {
    this.violations.push(`${who} of ${this.topic}: ${what}`);
  }

  /** A subscriber is in this epoch: nothing that happens in a soak begins another one. */
  in(epoch: string, who: string): void {
    this.epoch ??= epoch;
    if (epoch !== this.epoch) this.violated(who, `is in another epoch: ${epoch}, not ${this.epoch}`);
  }

  /** An event as a subscriber got it: all get the same bytes under the same number. */
  got(offset: number, text: string, who: string): void {
    this.delivered++;
    const known = this.texts.get(offset);
    if (known === undefined) {
      this.texts.set(offset, text);
      this.texts.delete(offset - KEPT);
      this.onNew(text);
    } else if (known !== text) {
      const here = `${known.slice(0, 300)} | ${text.slice(0, 300)}`;
      this.violated(who, `got something else than others at ${offset}: ${here}`);
    }
  }
}
