import { hash, randomUUID } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { RedisService } from '../redis/redis.service';
import { RedisScript } from '../redis/script';
import { canonicalJson } from '../security/canonical-json';
import { APPEND, feedChannel, NUMBERING_TTL_S, POSITION, topicKeys } from './feed-scripts';
import { jsonPatch, type PatchOperation } from './json-diff';
import type { FeedPosition } from './live-feed';
import { reasonOf } from '../errors/unavailable';

/** How often a publisher tries again that another one was faster than. */
const ATTEMPTS = 3;
/** A patch that is larger than so much of the state is no gain over the state. */
const LARGEST_PATCH = 0.6;

/**
 * Appends the event that leads from the state at the given place to a new one, and keeps the new one, if the topic
 * still stands there: a patch fits no other state than the one that it was made for. 0 if it does not stand there; -1
 * if it has a newer state. What claims to be from the future is older than the clock that was set back.
 */
const PUBLISH = new RedisScript(`
local epoch, at, had, text, digest, version = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'version')
local time = redis.call('TIME')
local current = tonumber(meta[3] or '-1')
if current >= version and current <= time[1] * 1000000 + time[2] then return -1 end
if meta[1] ~= epoch or meta[2] ~= at then return 0 end
local head = epoch .. ' ' .. at .. ' '
if (redis.call('GETRANGE', KEYS[4], 0, #head - 1) == head and '1' or '0') ~= had then return 0 end
${APPEND}
redis.call('HSET', KEYS[1], 'version', ARGV[8])
redis.call('SET', KEYS[4], epoch .. ' ' .. offset .. ' ' .. digest .. '\\n' .. text, 'EX', ${NUMBERING_TTL_S})
return offset
`);

const READ = new RedisScript(`${POSITION}
return { meta[1], meta[2], redis.call('GET', KEYS[3]) or '' }
`);

/** What every event of a topic with a state has, besides what it says itself. */
export interface StateChange {
  /** From the state before to the state after (RFC 6902). */
  patch: readonly PatchOperation[];
  /** Of the state after, see {@link stateHash}. */
  hash: string;
}

/** A topic's state and the event that made it. */
export interface StateReading {
  position: FeedPosition;
  /** Undefined if there is none, or it was lost; the next event's patch then makes all of it. */
  state: { json: string; hash: string } | undefined;
}

/** A state as its publisher remembers it. */
interface Held extends FeedPosition {
  value: unknown;
}

/**
 * Topics that stand for a document: each event is the patch from one version of it to the next, made once, with the
 * hash of what comes out; the document itself is there for who comes anew.
 */
@Injectable()
export class LiveState {
  private readonly log = new Logger(LiveState.name);
  private readonly held = new Map<string, Held>();

  constructor(private readonly redis: RedisService) {}

  /**
   * Makes `state` the topic's, unless a newer one is. Best effort, never throws, as {@link LiveFeed.publish}.
   *
   * @param version of the state: when its making began, in microseconds by Redis' clock
   * @param data what the event says besides patch and hash
   */
  async publish(topic: string, state: object, version: number, data: object): Promise<void> {
    const json = JSON.stringify(state);
    const value = JSON.parse(json) as unknown;
    const digest = stateHash(value);
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const before = this.held.get(topic) ?? (await this.load(topic));
        const change: StateChange = { hash: digest, patch: patchBetween(before.value, value, json.length) };
        const { epoch, offset } = before;
        const had = before.value === undefined ? '0' : '1';
        const { numbering, history, state: kept } = topicKeys(this.redis, topic);
        const answer = (await PUBLISH.run(
          this.redis.client,
          [numbering, history, feedChannel(this.redis), kept],
          [topic, JSON.stringify({ ...data, ...change }), epoch, offset, had, json, digest, version],
        )) as number;
        if (answer > 0) this.held.set(topic, { epoch, offset: answer, value });
        else this.held.delete(topic);
        if (answer !== 0) return;
      }
      this.log.warn(`The state of ${topic} was not published: others were faster each time`);
    } catch (error) {
      this.held.delete(topic);
      this.log.warn(`The state of ${topic} was not published: ${reasonOf(error)}`);
    }
  }

  /** The topic's state as it is now. Rejects while Redis is away. */
  async read(topic: string): Promise<StateReading> {
    const { numbering, history, state } = topicKeys(this.redis, topic);
    const answer = await READ.run(this.redis.client, [numbering, history, state], [randomUUID()]);
    const [epoch, offset, text] = answer as [string, string, string];
    const position = { epoch, offset: Number(offset) };
    const end = text.indexOf('\n');
    const [madeIn, madeAt, digest] = text.slice(0, Math.max(0, end)).split(' ');
    // What was left of an earlier numbering is not the state.
    if (madeIn !== epoch || madeAt !== offset || !digest) return { position, state: undefined };
    return { position, state: { json: text.slice(end + 1), hash: digest } };
  }

  private async load(topic: string): Promise<Held> {
    const { position, state } = await this.read(topic);
    return { ...position, value: state && (JSON.parse(state.json) as unknown) };
  }
}

/** SHA-256 of a state's canonical form (RFC 8785), in hexadecimal. */
export function stateHash(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'hex');
}

function patchBetween(before: unknown, after: unknown, size: number): PatchOperation[] {
  const whole: PatchOperation[] = [{ op: 'replace', path: '', value: after }];
  if (before === undefined) return whole;
  const patch = jsonPatch(before, after);
  return JSON.stringify(patch).length > size * LARGEST_PATCH ? whole : patch;
}
