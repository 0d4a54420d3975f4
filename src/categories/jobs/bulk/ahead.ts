/** What is begun before it is wanted. That it failed is told to whoever asks for it, and to nobody before. */
export class Ahead<T> {
  private readonly outcome: Promise<PromiseSettledResult<T>>;

  constructor(work: T | Promise<T>) {
    this.outcome = Promise.allSettled([work]).then(([outcome]) => outcome);
  }

  /** @throws what the work threw */
  async get(): Promise<T> {
    const outcome = await this.outcome;
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }

  /** Waits until it is under way no more, whatever came of it. */
  async ended(): Promise<void> {
    await this.outcome;
  }
}
