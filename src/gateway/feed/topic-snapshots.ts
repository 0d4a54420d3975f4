import type { LiveState } from '../../platform/feed/live-state';
import type { Position, SnapshotFrame } from '../protocol';
import { textFrame } from '../text-frame';
import { BroadcastMessage } from './broadcast-message';

/** A topic's state as one prepared message; without it there is no state yet. */
export interface PreparedSnapshot {
  readonly position: Position;
  readonly message: BroadcastMessage | undefined;
}

/** The snapshots of a topic with a state: read once for all who ask at the same time, and kept for who comes next. */
export class TopicSnapshots {
  private kept: PreparedSnapshot | undefined;
  private reading: Promise<PreparedSnapshot> | undefined;

  constructor(
    private readonly topic: string,
    private readonly states: Pick<LiveState, 'read'>,
  ) {}

  /**
   * The last one, if it is good enough, else a new one. Rejects while Redis is away.
   *
   * @param isGood whether all that came after this position can still be had
   */
  async get(isGood: (position: Position) => boolean): Promise<PreparedSnapshot> {
    if (this.kept?.message && isGood(this.kept.position)) return this.kept;
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async read(): Promise<PreparedSnapshot> {
    const { position, state } = await this.states.read(this.topic);
    if (!state) return { position, message: undefined };
    const head = { type: 'snapshot', topic: this.topic, ...position, hash: state.hash } satisfies Omit<
      SnapshotFrame,
      'data'
    >;
    // The state is JSON already.
    const text = `${JSON.stringify(head).slice(0, -1)},"data":${state.json}}`;
    return (this.kept = { position, message: new BroadcastMessage(textFrame(text)) });
  }
}
