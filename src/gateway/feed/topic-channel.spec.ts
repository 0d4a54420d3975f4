import type { FeedEvent, FeedPosition } from '../../platform/feed/live-feed';
import { TopicChannel } from './topic-channel';
import { TopicSnapshots } from './topic-snapshots';
import type { TopicSubscription } from './topic-subscription';

/** A feed that the test writes, announces, loses and empties as it likes. */
class ScriptedFeed {
  epoch = 'one';
  history: FeedEvent[] = [];
  offset = 0;
  reads = 0;
  /** Reads that have not been answered yet. */
  reading = 0;
  /** Runs while the history is being read. */
  meanwhile: () => void = () => undefined;

  /** Appends an event without announcing it. */
  append(): FeedEvent {
    const event = { topic: 't', offset: ++this.offset, epoch: this.epoch, json: `{"n":${this.offset}}` };
    this.history.push(event);
    return event;
  }

  restart(epoch: string): void {
    this.epoch = epoch;
    this.offset = 0;
    this.history = [];
  }

  position(): Promise<FeedPosition> {
    return Promise.resolve({ offset: this.offset, epoch: this.epoch });
  }

  async read(_topic: string, after: number, limit: number) {
    this.reads++;
    this.reading++;
    const answer = {
      events: this.history.filter((event) => event.offset > after).slice(0, limit),
      position: { offset: this.offset, epoch: this.epoch },
    };
    this.meanwhile();
    await new Promise(setImmediate);
    this.reading--;
    return answer;
  }
}

describe('TopicChannel', () => {
  let feed: ScriptedFeed;
  let channel: TopicChannel;
  let errors: Error[];

  beforeEach(() => {
    feed = new ScriptedFeed();
    errors = [];
    channel = new TopicChannel('t', feed, (error) => errors.push(error));
  });

  // An answered read may lead to the next: all is settled when none was begun in a whole turn.
  const settle = async (): Promise<void> => {
    do await new Promise(setImmediate);
    while (feed.reading > 0);
  };
  const announce = () => channel.receive(feed.append());

  async function follow(since?: FeedPosition) {
    const seen: (number | string)[] = [];
    const subscription: TopicSubscription = await channel.subscribe(
      {
        begin: ({ offset, epoch }, recovered) => seen.push(`${recovered ? 'on' : 'new'} ${epoch} ${offset}`),
        receiver: {
          write: ({ frame }) => {
            const text = frame.subarray(frame.indexOf('{')).toString();
            const { type, offset } = JSON.parse(text) as { type: string; offset: number };
            seen.push(type === 'snapshot' ? `state ${offset}` : offset);
          },
        },
        overflow: () => seen.push('overflow'),
      },
      since,
    );
    return { seen, subscription };
  }

  it('delivers in order, once, to everybody', async () => {
    const [a, b] = [await follow(), await follow()];
    const events = [feed.append(), feed.append()];
    for (const event of [...events, ...events]) channel.receive(event);
    expect(a.seen).toEqual(['new one 0', 1, 2]);
    expect(b.seen).toEqual(a.seen);
    a.subscription.end();
    announce();
    expect(a.seen).toHaveLength(3);
    expect(b.seen).toHaveLength(4);
  });

  it('reads what pub/sub lost before it goes on', async () => {
    const { seen } = await follow();
    announce();
    feed.append();
    feed.append();
    announce();
    announce();
    await settle();
    expect(seen).toEqual(['new one 0', 1, 2, 3, 4, 5]);
    expect(feed.reads).toBe(1);
  });

  it('finds out at the next check that the last events were lost', async () => {
    const { seen } = await follow();
    feed.append();
    await channel.check();
    expect(seen).toEqual(['new one 0', 1]);
  });

  it('tells everybody to start anew when the history does not reach back', async () => {
    const { seen } = await follow();
    announce();
    for (let i = 0; i < 5; i++) feed.append();
    feed.history = feed.history.slice(-2);
    announce();
    await settle();
    expect(seen).toEqual(['new one 0', 1, 'new one 7']);
    announce();
    expect(seen.at(-1)).toBe(8);
  });

  it('tells everybody to start anew in a new epoch', async () => {
    const { seen } = await follow();
    announce();
    feed.restart('two');
    announce();
    await settle();
    announce();
    expect(seen).toEqual(['new one 0', 1, 'new two 1', 2]);
  });

  it('sends history first, then what came while it was read, each once', async () => {
    await follow();
    for (let i = 0; i < 400; i++) announce();
    feed.meanwhile = () => {
      announce();
      announce();
    };
    // Further back than what is kept in memory.
    const { seen } = await follow({ offset: 10, epoch: 'one' });
    announce();
    expect(feed.reads).toBe(1);
    expect(seen[0]).toBe('on one 10');
    expect(seen.slice(1)).toEqual(Array.from({ length: 393 }, (_, n) => 11 + n));
  });

  it('sends no part of a history that is longer than it reads at once', async () => {
    await follow();
    for (let i = 0; i < 1_500; i++) announce();
    const { seen } = await follow({ offset: 10, epoch: 'one' });
    announce();
    expect(seen).toEqual(['new one 1500', 1501]);
  });

  it('answers those who were away for a moment from memory', async () => {
    await follow();
    for (let i = 0; i < 10; i++) announce();
    const { seen } = await follow({ offset: 7, epoch: 'one' });
    expect(seen).toEqual(['on one 7', 8, 9, 10]);
    expect(feed.reads).toBe(0);
  });

  it('reads for those from whose place on memory has all but one', async () => {
    await follow();
    for (let i = 0; i < 257; i++) announce();
    for (const [offset, reads] of [
      [1, 0],
      [0, 1],
    ] as const) {
      const { seen } = await follow({ offset, epoch: 'one' });
      expect(seen).toEqual([
        `on one ${offset}`,
        ...Array.from({ length: 257 - offset }, (_, i) => offset + 1 + i),
      ]);
      expect(feed.reads).toBe(reads);
    }
  });

  it('lets a subscriber who is ahead of this process go on, without a repeat', async () => {
    await follow();
    announce();
    const late = [feed.append(), feed.append()];
    const { seen } = await follow({ offset: 3, epoch: 'one' });
    for (const event of late) channel.receive(event);
    announce();
    expect(seen).toEqual(['on one 3', 4]);
  });

  it('does not take a place in an old epoch for one in the new', async () => {
    await follow();
    for (let i = 0; i < 300; i++) announce();
    feed.meanwhile = () => {
      feed.meanwhile = () => undefined;
      feed.restart('two');
      announce();
    };
    const { seen } = await follow({ offset: 5, epoch: 'one' });
    await settle();
    announce();
    const restart = seen.indexOf('new two 1');
    expect(restart).toBeGreaterThan(-1);
    expect(seen.slice(restart)).toEqual(['new two 1', 2]);
  });

  it('goes on by itself after Redis was away when a gap had to be healed', async () => {
    const { seen } = await follow();
    const read = feed.read.bind(feed);
    feed.read = () => Promise.reject(new Error('away'));
    feed.append();
    announce();
    await settle();
    expect(errors).toHaveLength(1);
    feed.read = read;
    announce();
    await settle();
    expect(seen).toEqual(['new one 0', 1, 2, 3]);
  });

  it('does not keep more than 1 MB for a subscriber that waits for its history', async () => {
    await follow();
    for (let i = 0; i < 300; i++) announce();
    feed.meanwhile = () => {
      for (let i = 0; i < 3; i++) {
        const event = feed.append();
        channel.receive({ ...event, json: `"${'x'.repeat(600_000)}"` });
      }
    };
    const { seen } = await follow({ offset: 5, epoch: 'one' });
    expect(seen).toContain('overflow');
  });

  describe('of a topic with a state', () => {
    let states: { read: jest.Mock };

    beforeEach(() => {
      states = {
        read: jest.fn(() => {
          const position = { offset: feed.offset, epoch: feed.epoch };
          return Promise.resolve({ position, state: { json: `{"n":${feed.offset}}`, hash: 'h' } });
        }),
      };
      const snapshots = new TopicSnapshots('t', states);
      channel = new TopicChannel('t', feed, (error) => errors.push(error), snapshots);
    });

    it('begins with a snapshot, and goes on from it', async () => {
      announce();
      const { seen } = await follow();
      announce();
      expect(seen).toEqual(['new one 1', 'state 1', 2]);
    });

    it('sends no snapshot to who resumes', async () => {
      announce();
      const { seen } = await follow({ offset: 0, epoch: 'one' });
      expect(seen).toEqual(['on one 0', 1]);
    });

    it('reads it once for a crowd, and for who comes a little later', async () => {
      const crowd = await Promise.all(Array.from({ length: 50 }, () => follow()));
      announce();
      const late = await follow();
      expect(late.seen).toEqual(['new one 0', 'state 0', 1]);
      expect(crowd[49]?.seen).toEqual(late.seen);
      expect(states.read).toHaveBeenCalledTimes(1);
    });

    it('reads a new one when too much came after the last', async () => {
      await follow();
      for (let i = 0; i < 40; i++) announce();
      const { seen } = await follow();
      expect(seen).toEqual(['new one 40', 'state 40']);
    });

    it('neither loses nor repeats what comes while the snapshot is read', async () => {
      await follow();
      for (let i = 0; i < 40; i++) announce();
      states.read.mockImplementation(async () => {
        announce();
        const position = { offset: feed.offset, epoch: 'one' };
        announce();
        await new Promise(setImmediate);
        return { position, state: { json: '{}', hash: 'h' } };
      });
      const { seen } = await follow();
      announce();
      expect(seen).toEqual(['new one 41', 'state 41', 42, 43]);
    });

    it('may be ahead of what this process has heard', async () => {
      await channel.check();
      const late = [feed.append(), feed.append()];
      const { seen } = await follow();
      for (const event of late) channel.receive(event);
      announce();
      expect(seen).toEqual(['new one 2', 'state 2', 3]);
    });

    it('gives everybody a new one when the history was lost', async () => {
      const { seen } = await follow();
      announce();
      feed.restart('two');
      announce();
      await settle();
      announce();
      expect(seen).toEqual(['new one 0', 'state 0', 1, 'new two 1', 'state 1', 2]);
    });

    it('learns from a snapshot that the topic began anew', async () => {
      const first = await follow();
      for (let i = 0; i < 40; i++) announce();
      feed.restart('two');
      const late = await follow();
      await settle();
      expect(late.seen).toEqual(['new two 0', 'state 0']);
      expect(first.seen.slice(-2)).toEqual(['new two 0', 'state 0']);
    });

    it('begins without one where there is none yet', async () => {
      states.read.mockResolvedValue({ position: { offset: 0, epoch: 'one' }, state: undefined });
      const { seen } = await follow();
      announce();
      expect(seen).toEqual(['new one 0', 1]);
    });

    it('refuses who comes while Redis is away', async () => {
      states.read.mockRejectedValue(new Error('away'));
      await expect(follow()).rejects.toThrow('away');
      expect(channel.empty).toBe(true);
    });
  });
});
