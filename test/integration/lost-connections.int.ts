import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { unavailableServer } from '../../src/platform/errors/unavailable';
import { Db } from '../../src/platform/postgres/db';
import { RedisService } from '../../src/platform/redis/redis.service';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';

let app: TestApp;

beforeAll(async () => {
  app = await bootModules([]);
});
afterAll(() => app?.close());

/** Cuts a connection, and waits until Postgres has ended it. */
async function cut(pid: number | undefined): Promise<void> {
  await app.database.query('SELECT pg_terminate_backend($1)', [pid]);
  await eventually(async () =>
    expect(await app.database.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([]),
  );
}

describe('a connection that is lost between two statements of a transaction', () => {
  it('is told as what it is, so that nobody takes it for a fault of the work', async () => {
    const lost = app.get(Db).transaction(async (tx) => {
      const [own] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await cut(own?.pid);
      await tx.query('SELECT 1');
    });
    const error = await lost.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(unavailableServer(error)).toBe('postgres');
    expect(await app.get(Db).query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

describe('a connection that is lost before whoever got it has listened for that', () => {
  it('fails the next statement, and ends nothing else', async () => {
    const pool = (app.get(DataSource).driver as unknown as { master: Pool }).master;
    const client = await pool.connect();
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    // Not by once(), which would listen for the error.
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    await cut(rows[0]?.pid);
    await ended;
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release(true);
    expect(await app.get(Db).query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

/** In how many seconds the kernel asks whether the other end is still there; undefined if it waits for something else. */
function asksIn({ localPort, remotePort }: Socket): number | undefined {
  const ports = [localPort, remotePort].map((port) =>
    (port ?? 0).toString(16).toUpperCase().padStart(4, '0'),
  );
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const line = lines.find((one) => new RegExp(`^ *\\d+: \\w+:${ports[0]} \\w+:${ports[1]} `).test(one)) ?? '';
  // Which timer runs, and when it ends, in hundredths of a second; 2 is the one of keep-alive.
  const [, timer, when = ''] = / (\w\w):(\w{8}) /.exec(line.slice(line.indexOf(' 01 ') + 4)) ?? [];
  return timer === '02' ? Number.parseInt(when, 16) / 100 : undefined;
}

describe('a connection whose other end goes without a word', () => {
  it('is found out about within seconds, although nothing is sent on it', async () => {
    const redis = app.get(RedisService);
    const subscriber = redis.subscriber();
    await subscriber.subscribe(redis.key('a', 'channel'));
    const pool = (app.get(DataSource).driver as unknown as { master: Pool }).master;
    const client = await pool.connect();
    await client.query('SELECT 1');
    const sockets = [
      (subscriber as unknown as { stream: Socket }).stream,
      (client as unknown as { connection: { stream: Socket } }).connection.stream,
    ];
    await eventually(() => {
      for (const socket of sockets) expect(asksIn(socket)).toBeLessThanOrEqual(10);
    });
    client.release();
    subscriber.disconnect();
  });
});
