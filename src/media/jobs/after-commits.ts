/**
 * What has to be done in Redis after the commits of a run over many chunks: one after the other, in their order, while
 * the next chunk is under way in Postgres. At most one waits for its turn, so a run is never far ahead of it.
 */
export class AfterCommits {
  private last: Promise<void> = Promise.resolve();
  private failure?: { readonly error: unknown };

  /** Lets `work` begin as soon as what was added before has ended, and resolves then. @throws what that threw */
  async add(work: () => Promise<void>): Promise<void> {
    const before = this.last;
    this.last = before
      .then(() => (this.failure ? undefined : work()))
      .catch((error: unknown) => {
        this.failure = { error };
      });
    await before;
    this.rethrow();
  }

  /** Waits for all of it. @throws what the first of it that failed threw */
  async done(): Promise<void> {
    await this.last;
    this.rethrow();
  }

  private rethrow(): void {
    if (this.failure) throw this.failure.error;
  }
}
