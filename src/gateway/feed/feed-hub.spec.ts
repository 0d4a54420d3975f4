import type { FeedEvent, FeedPosition, LiveFeed } from '../../platform/feed/live-feed';
import type { LiveState } from '../../platform/feed/live-state';
import { FeedHub } from './feed-hub';

/** A feed whose position is told when the test says so. */
class SlowFeed {
  told: (event: FeedEvent) => void = () => undefined;
  /** As when listening goes on after Redis was away. */
  resumed: () => void = () => undefined;
  answer: () => void = () => undefined;
  private readonly asked = new Promise<void>((resolve) => (this.answer = resolve));

  listen(told: (event: FeedEvent) => void, resumed: () => void): Promise<() => void> {
    Object.assign(this, { told, resumed });
    return Promise.resolve(() => undefined);
  }

  async position(): Promise<FeedPosition> {
    await this.asked;
    return { offset: 0, epoch: 'one' };
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
    await new Promise(setImmediate);
    feed.answer();
    await begun;
    feed.told({ topic: 'job:1', offset: 1, epoch: 'one', json: '{}' });
    expect(seen).toEqual([1]);
  });

  it('drops it when the last one has left', async () => {
    const { seen, begun } = follow('job:1');
    feed.answer();
    (await begun).end();
    expect(hub.follows('job:1')).toBe(false);
    feed.told({ topic: 'job:1', offset: 1, epoch: 'one', json: '{}' });
    expect(seen).toEqual([]);
  });
});
