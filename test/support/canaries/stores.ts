import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Redis } from 'ioredis';
import type { TestDatabase } from '../database';

/** What is kept where, as text, by the name of the place. */
export type Stores = Record<string, string>;

/** All rows of every table; bytes as the text that they hold. */
export async function tables({ query }: Pick<TestDatabase, 'query'>): Promise<Stores> {
  const names = await query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  const found: Stores = {};
  for (const { name } of names) {
    const rows = await query<Record<string, unknown>>(`SELECT * FROM ${name}`);
    found[name] = JSON.stringify(rows, (_key, value: unknown) => textOf(value));
  }
  return found;
}

function textOf(value: unknown): unknown {
  const bytes = value as { type?: string; data?: number[] } | null;
  return bytes?.type === 'Buffer' && bytes.data ? Buffer.from(bytes.data).toString('latin1') : value;
}

/** All keys under a prefix with what they hold. */
export async function redisKeys(redis: Redis, prefix: string): Promise<Stores> {
  const found: Stores = {};
  for (const key of await redis.keys(`*${prefix}*`)) {
    const type = await redis.type(key);
    const read: Record<string, () => Promise<unknown>> = {
      string: () => redis.get(key),
      hash: () => redis.hgetall(key),
      list: () => redis.lrange(key, 0, -1),
      set: () => redis.smembers(key),
      zset: () => redis.zrange(key, 0, -1),
      stream: () => redis.xrange(key, '-', '+'),
    };
    const value = await read[type]?.();
    found[`redis ${key.replace(prefix, '')}`] = `${key} ${JSON.stringify(value ?? null)}`;
  }
  return found;
}

/** All files of a folder that are for anybody's eyes: keys are not. */
export function files(folder: string): Stores {
  const paths = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    paths
      .map((path) => [relative(folder, path), path] as const)
      .filter(([name]) => !/(^|\/)keys\//.test(name))
      .map(([name, path]) => [`file ${name}`, `${name}\n${readFileSync(path, 'latin1')}`]),
  );
}
