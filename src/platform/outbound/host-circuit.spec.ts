import { HostCircuit, type Shown } from './host-circuit';

const RULES = { leastCalls: 4, failuresPercent: 50, windowMs: 1_000, restMs: 100 };

/** A circuit with a clock of its own. */
function circuit() {
  const clock = { now: 0 };
  const changes: boolean[] = [];
  const made = new HostCircuit(
    RULES,
    (open) => changes.push(open),
    () => clock.now,
  );
  /** Begins a call; what it answers with ends it, as so seen. */
  const begin = () => {
    let end: (shown: Shown) => void = () => undefined;
    const call = new Promise<void>((resolve, reject) => {
      end = (shown) => (shown === 'answers' ? resolve() : reject(new Error(shown)));
    });
    const running = made.run(
      () => call,
      (error) => (error as Error).message as Shown,
    );
    running.catch(() => undefined);
    return async (shown: Shown) => {
      end(shown);
      await running.catch(() => undefined);
    };
  };
  const all = async (...shown: Shown[]) => {
    for (const one of shown) await begin()(one);
  };
  /** Milliseconds until the next call is let through; 0 if it is now. Takes its turn if it is the trial. */
  const waits = async () => {
    const error: unknown = await made
      .run(
        () => Promise.resolve(),
        () => 'answers',
      )
      .catch((e: unknown) => e);
    return error === undefined ? 0 : ((error as { againInMs?: number }).againInMs ?? Number.NaN);
  };
  return { clock, changes, begin, all, waits };
}

describe('the circuit of a host', () => {
  it('opens when half of the calls of its window have failed, and not before there are enough', async () => {
    const { all, waits, changes } = circuit();
    await all('fails', 'fails', 'fails');
    expect(changes).toEqual([]);
    await all('answers', 'fails');
    expect(changes).toEqual([true]);
    expect(await waits()).toBe(100);
  });

  it('stays closed below that share, and forgets what is older than its window', async () => {
    const { all, clock, changes } = circuit();
    await all('answers', 'answers', 'answers', 'answers', 'fails', 'fails');
    clock.now = 2_000;
    await all('answers', 'answers', 'fails');
    expect(changes).toEqual([]);
  });

  it('does not count calls that have shown nothing', async () => {
    const { all, changes } = circuit();
    await all('nothing', 'nothing', 'nothing', 'nothing', 'fails');
    expect(changes).toEqual([]);
    // Of four that count three have failed; among eight that would not be half.
    await all('answers', 'fails', 'fails');
    expect(changes).toEqual([true]);
  });

  describe('that is open', () => {
    const opened = async () => {
      const made = circuit();
      await made.all('fails', 'fails', 'fails', 'fails');
      made.changes.length = 0;
      return made;
    };

    it('lets one call try after the rest, and closes when it is answered', async () => {
      const { clock, begin, all, waits, changes } = await opened();
      clock.now = 99;
      expect(await waits()).toBe(1);
      clock.now = 100;
      const trial = begin();
      expect(await waits()).toBe(100);
      await trial('answers');
      expect(changes).toEqual([false]);
      // What it did before counts no more.
      await all('fails', 'fails', 'fails');
      expect(changes).toEqual([false]);
    });

    it('rests anew when the trial fails', async () => {
      const { clock, begin, waits, changes } = await opened();
      clock.now = 100;
      const trial = begin();
      clock.now = 150;
      await trial('fails');
      expect(await waits()).toBe(100);
      expect(changes).toEqual([]);
    });

    it('gives the turn of a trial that has shown nothing to the next call', async () => {
      const { clock, begin, waits, changes } = await opened();
      clock.now = 100;
      await begin()('nothing');
      expect(changes).toEqual([]);
      const next = begin();
      expect(await waits()).toBe(100);
      await next('answers');
      expect(changes).toEqual([false]);
    });

    it('tries again beside a trial that hangs, whose late end takes nobody’s turn', async () => {
      const { clock, begin, waits, changes } = await opened();
      clock.now = 100;
      const hangs = begin();
      clock.now = 200;
      const second = begin();
      await hangs('nothing');
      expect(await waits()).toBe(100);
      await second('answers');
      expect(changes).toEqual([false]);
    });

    it('is not decided by what began before it opened', async () => {
      const { clock, begin, all, waits, changes } = circuit();
      const late = [begin(), begin()];
      await all('fails', 'fails', 'fails', 'fails');
      await late[0]?.('answers');
      expect(changes).toEqual([true]);
      clock.now = 100;
      await begin()('answers');
      await late[1]?.('fails');
      expect(await waits()).toBe(0);
      expect(changes).toEqual([true, false]);
    });
  });
});
