import type { EventFrame, SnapshotFrame } from '../protocol';
import type { FollowHandlers } from './follow';
import type { GatewayClient } from './gateway-client';
import { StateCopy } from './state-copy';

/** What a follower of a topic's state is told. */
export interface StateHandlers<T> extends Pick<FollowHandlers, 'refused' | 'ended'> {
  /**
   * The state, each time that it is another one. It is changed in place by what comes next; who keeps it for later
   * copies it.
   *
   * @param event that made it; undefined for a snapshot
   */
  state: (state: T, event?: EventFrame) => void;
  /** The copy was not what the gateway has, and a snapshot was asked for. Never expected; worth a line in a log. */
  mismatch?: (offset: number) => void;
}

/** How a state is followed. */
export interface StateOptions {
  /** Whether each state is compared with its hash before it is told, some milliseconds for 50 KB. Default: yes. */
  verify?: boolean;
}

/** Snapshots in a row that may be wrong, too, before it is given up. */
const MOST_MISMATCHES = 3;

/** A topic's state, followed over all connections of a client. */
export interface FollowedState {
  /** Whether the copy has the hash that the gateway named last. */
  isTrue(): boolean;
  /** Ends it. */
  end(): void;
}

/**
 * Follows the state of a topic that has one: a copy here is moved on by the patches that come, compared with the
 * gateway's hash, and replaced by a snapshot if it is not the same.
 */
export function followState<T>(
  client: GatewayClient,
  topic: string,
  handlers: StateHandlers<T>,
  { verify = true }: StateOptions = {},
): FollowedState {
  let copy = new StateCopy();
  let mismatches = 0;
  const told = (fits: boolean, event: EventFrame | SnapshotFrame) => {
    if (fits && (!verify || copy.isTrue)) {
      mismatches = 0;
      return handlers.state(copy.value as T, event.type === 'event' ? event : undefined);
    }
    handlers.mismatch?.(event.offset);
    if (++mismatches <= MOST_MISMATCHES) return client.again(topic);
    end();
    const message = 'The state is another one than the gateway says, time and again.';
    handlers.refused?.({ type: 'error', code: 'STATE_MISMATCH', message, topic });
  };
  const end = client.follow(topic, {
    begin: (_position, recovered) => {
      if (!recovered) copy = new StateCopy();
      // The connection was lost between the word that a snapshot comes and the snapshot.
      else if (copy.value === undefined) client.again(topic);
    },
    snapshot: (snapshot) => {
      copy.take(snapshot);
      told(true, snapshot);
    },
    event: (event) => told(copy.move(event), event),
    refused: handlers.refused,
    ended: handlers.ended,
  });
  return { isTrue: () => copy.isTrue, end };
}
