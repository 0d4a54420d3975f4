import type { FeedEvent, FeedPosition, LiveFeed } from '../../platform/feed/live-feed';
import type { LiveState } from '../../platform/feed/live-state';
import { FeedHub } from './feed-hub';

/** A feed whose positions are told when the test says so. */
class SlowFeed {
  told: (event: FeedEvent) => void = () => undefined;
  /** As when listening goes on after Redis was away. */
  resumed: () => void = () => undefined;
  private readonly asked: { topic: string; answer: (error?: Error) => void }[] = [];

  listen(told: (event: FeedEvent) => void, resumed: () => void): Promise<() => void> {
    Object.assign(this, { told, resumed });
    return Promise.resolve(() => undefined);
  }

  position(topic: string): Promise<FeedPosition> {
    return new Promise((resolve, reject) => {
      const answer = (error?: Error) => (error ? reject(error) : resolve({ offset: 0, epoch: 'one' }));
      this.asked.push({ topic, answer });
    });
  }

  /** How many ask for that topic. */
  asking(topic: string): number {
    return this.asked.filter((one) => one.topic === topic).length;
  }

  /** Answers all who have asked for that topic, or for any. */
  async answer(topic?: string, error?: Error): Promise<void> {
    const wanted = this.asked.filter((one) => topic === undefined || one.topic === topic);
    for (const one of wanted) this.asked.splice(this.asked.indexOf(one), 1)[0]?.answer(error);
    await new Promise(setImmediate);
  }
}

describe('FeedHub', () => {
  let feed: SlowFeed;
  let hub: FeedHub;

  beforeEach(() => {
    feed = new SlowFeed();
    hub = new FeedHub(feed as unknown as LiveFeed, {} as LiveState);
    hub.start();
  });
  afterEach(() => hub.stop());

  function follow(topic: string) {
    const seen: number[] = [];
    const sink = { begin: () => undefined, overflow: () => undefined };
    const receiver = { write: () => seen.push(seen.length + 1) };
    return { seen, begun: hub.subscribe(topic, { ...sink, receiver }) };
  }

  it('does not drop a topic for want of followers while its first one waits until it can begin', async () => {
    const { seen, begun } = follow('job:1');
    feed.resumed();
    await feed.answer();
    await begun;
    feed.told({ topic: 'job:1', offset: 1, epoch: 'one', json: '{}' });
    expect(seen).toEqual([1]);
  });

  it('drops no topic in place of an older one of that name, whose followers were all turned away', async () => {
    const turnedAway = expect(follow('jobs').begun).rejects.toThrow('Redis is away');
    const others = Array.from({ length: 20 }, (_, n) => follow(`job:${n}`).begun);
    for (let n = 0; n < others.length; n++) await feed.answer(`job:${n}`);
    await Promise.all(others);
    // The check gets no answer for the others, and so does not come to the oldest.
    feed.resumed();
    await feed.answer('jobs', new Error('Redis is away'));
    await turnedAway;
    const { seen, begun } = follow('jobs');
    await feed.answer('jobs');
    await begun;
    for (let n = 0; n < others.length; n++) await feed.answer();
    feed.told({ topic: 'jobs', offset: 1, epoch: 'one', json: '{}' });
    expect(seen).toEqual([1]);
  });

  it('looks once more when listening goes on while it looks', async () => {
    const { begun } = follow('jobs');
    await feed.answer('jobs');
    await begun;
    feed.resumed();
    await new Promise(setImmediate);
    feed.resumed();
    expect(feed.asking('jobs')).toBe(1);
    await feed.answer('jobs');
    expect(feed.asking('jobs')).toBe(1);
    await feed.answer('jobs');
    expect(feed.asking('jobs')).toBe(0);
  });

  it('drops it when the last one has left', async () => {
    const { seen, begun } = follow('job:1');
    await feed.answer();
    (await begun).end();
    expect(hub.follows('job:1')).toBe(false);
    feed.told({ topic: 'job:1', offset: 1, epoch: 'one', json: '{}' });
    expect(seen).toEqual([]);
  });
});
