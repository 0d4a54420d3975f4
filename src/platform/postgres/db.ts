import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type QueryRunner, QueryRunnerAlreadyReleasedError } from 'typeorm';
import { inSpan } from '../telemetry/spans';
import { inStatement } from './statement-span';

/** A row as the driver gives it: bigint as number, timestamptz as Date, jsonb parsed. */
export type Row = Record<string, unknown>;

/** What runs SQL: a transaction, or the database itself, where each statement commits alone. */
export interface Tx {
  /** The rows that `sql` returns. */
  query<T = Row>(sql: string, params?: unknown[]): Promise<T[]>;
  /** Runs `sql`; the number of rows that it changed. */
  execute(sql: string, params?: unknown[]): Promise<number>;
}

class RunnerTx implements Tx {
  constructor(private readonly runner: QueryRunner) {}

  async query<T = Row>(sql: string, params: unknown[] = []): Promise<T[]> {
    // The structured form gives rows alike for SELECT and for UPDATE ... RETURNING.
    const result = await inStatement(sql, () => this.runner.query(sql, params, true));
    return result.records as T[];
  }

  async execute(sql: string, params: unknown[] = []): Promise<number> {
    const result = await inStatement(sql, () => this.runner.query(sql, params, true));
    return result.affected ?? 0;
  }
}

/** Postgres, the truth about everything that must not be lost. */
@Injectable()
export class Db implements Tx {
  constructor(@InjectDataSource() private readonly source: DataSource) {}

  /** Runs one statement on a connection of the pool and returns its rows. */
  query<T = Row>(sql: string, params: unknown[] = []): Promise<T[]> {
    return this.withRunner((tx) => tx.query<T>(sql, params));
  }

  /** Runs one statement on a connection of the pool; the number of rows that it changed. */
  execute(sql: string, params: unknown[] = []): Promise<number> {
    return this.withRunner((tx) => tx.execute(sql, params));
  }

  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. When the connection is lost
   * in between, this throws as it does when it is lost during a statement.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return inSpan('transaction', () => this.committed(work));
  }

  /** Answers when Postgres does; throws when it does not. */
  async ping(): Promise<void> {
    await this.query('SELECT 1');
  }

  private async committed<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    try {
      await runner.startTransaction();
      const result = await work(new RunnerTx(runner));
      await runner.commitTransaction();
      return result;
    } catch (error) {
      // After a lost connection there is nothing left to roll back, and the first error is the one that tells.
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw lossOf(error);
    } finally {
      await runner.release();
    }
  }

  private async withRunner<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    try {
      return await work(new RunnerTx(runner));
    } finally {
      await runner.release();
    }
  }
}

/** TypeORM lets go of a runner whose connection is lost, and only tells the next statement that it is gone. */
function lossOf(error: unknown): unknown {
  if (!(error instanceof QueryRunnerAlreadyReleasedError)) return error;
  return new Error('Connection terminated during a transaction', { cause: error });
}
