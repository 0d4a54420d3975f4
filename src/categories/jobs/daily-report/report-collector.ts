import { Inject, Injectable } from '@nestjs/common';
import { mayStop } from '../../../pipeline/catalogue/stopped-early';
import { Db } from '../../../platform/postgres/db';
import { ACTIONS, AGENTS, FAILURES, HOURS, JOBS, SLOWEST, STORAGE } from './day-sql';
import type { DailyReport, DayFigures } from './report';

const DAY_MS = 86_400_000;

/** Asks Postgres for the figures of a report. */
@Injectable()
export class ReportCollector {
  constructor(@Inject(Db) private readonly db: Db) {}

  /** The report of the day that begins at `start`. @throws StoppedEarly between the days, if aborted */
  async collect(start: Date, signal: AbortSignal): Promise<DailyReport> {
    const now = new Date();
    const dayBefore = await this.day(new Date(start.getTime() - DAY_MS));
    mayStop(signal, () => ({ done: 0, not_done: 1 }));
    return {
      date: start.toISOString().slice(0, 10),
      generated_at: now.toISOString(),
      complete: now.getTime() >= start.getTime() + DAY_MS,
      day: await this.day(start),
      day_before: dayBefore,
    };
  }

  /** One statement after the other: a report may take a while, and not all of the connections. */
  private async day(start: Date): Promise<DayFigures> {
    const range = [start, new Date(start.getTime() + DAY_MS)];
    const rows = <T>(sql: string) => this.db.query<T>(sql, range);
    const one = async <T>(sql: string): Promise<T> => {
      const [row] = await rows<T>(sql);
      if (row === undefined) throw new Error('A statement of sums gave no row');
      return row;
    };
    return {
      jobs: await one(JOBS),
      hours: await rows(HOURS),
      agents: await rows(AGENTS),
      failures: await rows(FAILURES),
      storage: await one(STORAGE),
      actions: await rows(ACTIONS),
      slowest: await rows(SLOWEST),
    };
  }
}
