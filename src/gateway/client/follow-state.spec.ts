import { stateHash } from '../../platform/feed/live-state';
import type { EventFrame, PatchOperation, ServerFrame, SnapshotFrame } from '../protocol';
import { Follow, type FollowHandlers } from './follow';
import { followState } from './follow-state';
import type { GatewayClient } from './gateway-client';
import { hashOfState } from './state-copy';

/** A client whose connection the test plays. */
class PlayedClient {
  follows: Follow | undefined;
  asked = 0;
  ended = false;

  follow(topic: string, handlers: FollowHandlers): () => void {
    this.follows = new Follow(topic, handlers);
    return () => (this.ended = true);
  }

  again(): void {
    this.asked++;
    if (this.follows) this.follows.position = undefined;
  }
}

describe('followState', () => {
  let client: PlayedClient;
  let seen: unknown[];
  let mismatches: number[];

  beforeEach(() => {
    client = new PlayedClient();
    seen = [];
    mismatches = [];
    followState<object>(client as unknown as GatewayClient, 'ssot', {
      state: (state) => seen.push(JSON.parse(JSON.stringify(state))),
      mismatch: (offset) => mismatches.push(offset),
      refused: ({ code }) => seen.push(code),
    });
  });

  const say = (frame: ServerFrame) => client.follows?.receive(frame);
  const begin = (offset: number, recovered = false) =>
    say({ type: 'subscribed', topic: 'ssot', epoch: 'e', offset, recovered });
  const snapshot = (offset: number, data: object, hash = stateHash(data)) =>
    say({ type: 'snapshot', topic: 'ssot', epoch: 'e', offset, hash, data } satisfies SnapshotFrame);
  const event = (offset: number, patch: PatchOperation[], after: object) =>
    say({
      type: 'event',
      topic: 'ssot',
      offset,
      data: { patch, hash: stateHash(after) },
    } satisfies EventFrame);

  it('moves on from the snapshot, patch by patch', () => {
    begin(4);
    snapshot(4, { a: 1, list: ['x'] });
    event(5, [{ op: 'replace', path: '/a', value: 2 }], { a: 2, list: ['x'] });
    event(6, [{ op: 'add', path: '/list/0', value: 'w' }], { a: 2, list: ['w', 'x'] });
    expect(seen).toEqual([
      { a: 1, list: ['x'] },
      { a: 2, list: ['x'] },
      { a: 2, list: ['w', 'x'] },
    ]);
    expect(mismatches).toEqual([]);
  });

  it('takes all of the state from the first event where there was none', () => {
    begin(0);
    event(1, [{ op: 'replace', path: '', value: { a: 1 } }], { a: 1 });
    event(2, [{ op: 'add', path: '/b', value: 1 }], { a: 1, b: 1 });
    expect(seen).toEqual([{ a: 1 }, { a: 1, b: 1 }]);
  });

  it.each<[string, PatchOperation[], object]>([
    ['leads elsewhere', [{ op: 'replace', path: '/a', value: 3 }], { a: 2 }],
    ['does not fit', [{ op: 'remove', path: '/b' }], { a: 1 }],
  ])(
    'asks for a snapshot when a patch %s, and listens to nothing until it is there',
    (_name, patch, after) => {
      begin(4);
      snapshot(4, { a: 1 });
      event(5, patch, after);
      event(6, [{ op: 'replace', path: '/a', value: 9 }], { a: 9 });
      expect([client.asked, mismatches, seen]).toEqual([1, [5], [{ a: 1 }]]);
      begin(6);
      snapshot(6, { a: 9 });
      expect(seen).toEqual([{ a: 1 }, { a: 9 }]);
    },
  );

  it('asks anew when the connection was lost before the snapshot came', () => {
    begin(4);
    begin(4, true);
    expect(client.asked).toBe(1);
  });

  it('gives up on a gateway that is never right', () => {
    for (let time = 0; time < 4; time++) {
      begin(1);
      snapshot(1, { a: 1 }, 'f'.repeat(64));
    }
    expect(client.asked).toBe(3);
    expect(client.ended).toBe(true);
    expect(seen).toEqual(['STATE_MISMATCH']);
  });

  it('hashes as the server does', () => {
    const value = { b: [1, 1e21, 0.1, -5], a: 'ä€😀"\u2028', c: null, '': {} };
    expect(hashOfState(value)).toBe(stateHash(value));
  });
});
