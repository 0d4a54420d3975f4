import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { MessageBus } from '../platform/messages/message-bus';
import { RedisService } from '../platform/redis/redis.service';
import { TTL_MS } from './held-snapshot';
import { MAX_DOCUMENT_BYTES, parseDocument, serialise } from './document';
import type { SnapshotDto } from './snapshot.dto';

/** How long a builder may keep others from building, in milliseconds; one that died is succeeded after it. */
export const LOCK_MS = 4_000;

/** Microseconds by Redis' clock: the same for all processes, and still rising after Redis was emptied. */
const NOW = `local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]`;

/**
 * Writes a snapshot unless the cache has a newer one. That it was invalidated while it was built is for its readers to
 * see, who know what they must be shown: under actions that come all the time there would be none at all. What claims to
 * be from the future is not ours and is overwritten.
 */
const STORE = `${NOW}
local version = tonumber(ARGV[1])
local head = redis.pcall('GETRANGE', KEYS[1], 0, 40)
if type(head) ~= 'string' then head = '' end
local current = tonumber(string.match(head, '^{"version":(%d+)') or '0')
if current >= version and current <= now then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`;

const CLOCK = `${NOW} return string.format('%.0f', now)`;

/** Reads no more than a snapshot can have, whatever someone put there; a value of a wrong type is nothing. */
const LOAD = `${NOW}
local text = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[1])
if type(text) ~= 'string' then text = '' end
return { text, string.format('%.0f', now), redis.call('GET', KEYS[2]) or '0' }
`;

const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;

/** What is found in the cache. */
export interface Cached {
  /** Undefined if there is none, or what is there is not one. */
  document: SnapshotDto | undefined;
  /** Now, as versions count it: microseconds by Redis' clock. */
  now: number;
  /** The version that counts at least since the last invalidation; 0 if there was none lately. */
  floor: number;
}

/** The snapshot in Redis, shared by all processes. Every method rejects while Redis is away. */
@Injectable()
export class SnapshotStore {
  private readonly key: string;
  private readonly floorKey: string;
  private readonly lockKey: string;

  constructor(
    private readonly redis: RedisService,
    bus: MessageBus,
  ) {
    this.key = redis.key('admin', 'dashboard', 'v4');
    this.floorKey = bus.invalidatedKey;
    this.lockKey = `${this.key}:lock`;
  }

  /** What the cache has. */
  async load(): Promise<Cached> {
    const answer = await this.redis.client.eval(LOAD, 2, this.key, this.floorKey, MAX_DOCUMENT_BYTES);
    const [text, nowText, floorText] = answer as [string, string, string];
    const now = Number(nowText);
    const document = parseDocument(text);
    // A version from the future is not one of ours: versions are when their builds began.
    return {
      document: document && document.version <= now ? document : undefined,
      now,
      floor: Math.min(Number(floorText) || 0, now),
    };
  }

  /** Now, as versions count it. */
  async clock(): Promise<number> {
    return Number(await this.redis.client.eval(CLOCK, 0));
  }

  /** Caches a snapshot, unless it is older than the cached one. */
  async store(document: SnapshotDto): Promise<boolean> {
    const text = serialise(document);
    const stored = await this.redis.client.eval(STORE, 1, this.key, document.version, text, TTL_MS);
    return stored === 1;
  }

  /** Takes the right to build for all processes. Undefined if another has it; else what gives it back. */
  async lock(): Promise<(() => Promise<void>) | undefined> {
    const token = uuidv7();
    const taken = await this.redis.client.set(this.lockKey, token, 'PX', LOCK_MS, 'NX');
    if (taken !== 'OK') return undefined;
    return async () => {
      await this.redis.client.eval(UNLOCK, 1, this.lockKey, token);
    };
  }
}
