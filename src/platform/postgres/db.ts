import { pipeline } from 'node:stream/promises';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool, PoolClient, QueryResult } from 'pg';
import { from } from 'pg-copy-streams';
import { DataSource } from 'typeorm';
import { inSpan } from '../telemetry/spans';
import type { RowTaker } from './copied-rows';
import { copyOut } from './copy-out';
import type { Statement } from './statement';
import { inStatement } from './statement-span';

/** A row as the driver gives it: bigint as number, timestamptz as Date, jsonb parsed. */
export type Row = Record<string, unknown>;

/** What runs SQL: a transaction, or the database itself, where each statement commits alone. */
export interface Tx {
  /** The rows that `sql` returns. */
  query<T = Row>(sql: string | Statement, params?: unknown[]): Promise<T[]>;
  /** Runs `sql`; the number of rows that it changed. */
  execute(sql: string | Statement, params?: unknown[]): Promise<number>;
}

/** A transaction. */
export interface Transaction extends Tx {
  /** Runs `COPY ... FROM STDIN` with these data, in whatever format it says. */
  copyIn(sql: string, data: string): Promise<void>;
}

/** Runs statements on the driver itself: TypeORM's query runner costs more than many of them do. */
class DriverTx implements Tx {
  constructor(private readonly driver: Pick<Pool | PoolClient, 'query'>) {}

  async query<T = Row>(sql: string | Statement, params: unknown[] = []): Promise<T[]> {
    return (await this.run(sql, params)).rows as T[];
  }

  async execute(sql: string | Statement, params: unknown[] = []): Promise<number> {
    return (await this.run(sql, params)).rowCount ?? 0;
  }

  private run(sql: string | Statement, values: unknown[]): Promise<QueryResult> {
    const statement = typeof sql === 'string' ? { text: sql } : sql;
    return inStatement(statement.text, () => this.driver.query({ ...statement, values }));
  }
}

/** The same on one connection, in a transaction. */
class ClientTransaction extends DriverTx implements Transaction {
  constructor(private readonly client: PoolClient) {
    super(client);
  }

  copyIn(sql: string, data: string): Promise<void> {
    return inStatement(sql, () => pipeline([data], this.client.query(from(sql))));
  }
}

/** Postgres, the truth about everything that must not be lost. */
@Injectable()
export class Db implements Tx {
  constructor(@InjectDataSource() private readonly source: DataSource) {}

  /** Runs one statement on a connection of the pool and returns its rows. */
  query<T = Row>(sql: string | Statement, params: unknown[] = []): Promise<T[]> {
    return new DriverTx(this.pool).query<T>(sql, params);
  }

  /** Runs one statement on a connection of the pool; the number of rows that it changed. */
  execute(sql: string | Statement, params: unknown[] = []): Promise<number> {
    return new DriverTx(this.pool).execute(sql, params);
  }

  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. When the connection is lost
   * in between, this throws as it does when it is lost during a statement.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return inSpan('transaction', () => this.committed(work));
  }

  /**
   * Gives `taker` the rows of a query by COPY, for what is too large to hold; how many, again and again. They are of one
   * snapshot, and texts of times in UTC. Holds a connection until its end; whoever asks for no more is rid of it at once.
   */
  async *copy(sql: string, params: readonly unknown[], taker: RowTaker): AsyncGenerator<number> {
    const client = await this.pool.connect();
    let whole = false;
    try {
      yield* copyOut(client, sql, params, taker);
      whole = true;
    } finally {
      client.release(!whole);
    }
  }

  /** Answers when Postgres does; throws when it does not. */
  async ping(): Promise<void> {
    await this.query('SELECT 1');
  }

  private async committed<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(new ClientTransaction(client));
      await commit(client);
      return result;
    } catch (error) {
      // Of a lost connection there is nothing left to roll back, and the first error is the one that tells.
      await client.query('ROLLBACK').catch((cause: Error) => (broken = cause));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** The pool that TypeORM has made; it is there once the data source is initialised. */
  private get pool(): Pool {
    return (this.source.driver as unknown as { master: Pool }).master;
  }
}

/** @throws if `work` went on although a statement had failed: Postgres then answers COMMIT by rolling back */
async function commit(client: PoolClient): Promise<void> {
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT') throw new Error('The transaction had failed before and was rolled back');
}
