import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { AppError } from '../../platform/errors/app-error';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import { type Paginated, WithPagination } from '../../platform/http/envelope';
import { Db } from '../../platform/postgres/db';
import { hoursAgo } from '../../platform/postgres/uuid-time';
import type { Actor } from '../../platform/security/roles';
import { ownerScope } from '../owner-scope';
import { type PageQuery, pageOf, sliceOf } from '../paging.dto';
import { dayOf } from './day';
import type { JobFilter } from './job-filter';
import {
  CreatedQuery,
  DayQuery,
  JobsOfDay,
  JobsQuery,
  JobStatusParam,
  LimitParam,
  UserIdParam,
} from './job-lists.dto';
import { JobQueries } from './job-queries';
import { JobStatistics } from './job-statistics';
import { JobSummaryStats } from './job-statistics.dto';
import { jobSummary } from './job-views';
import { JobSummary } from './jobs.dto';

/** Lists of jobs, and their numbers: of one's own, or for staff of everybody's. */
@ApiTags('jobs')
@ApiBearerAuth()
@Controller('api/jobs')
export class JobListsController {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(JobQueries) private readonly queries: JobQueries,
    @Inject(JobStatistics) private readonly statistics: JobStatistics,
  ) {}

  /** Jobs, newest first: one's own, or for staff those of everybody. */
  @Get('history')
  @Header('cache-control', 'no-store')
  @ApiData(JobSummary, { list: 'paged' })
  @ApiErrors('VALIDATION_ERROR', 'MAINTENANCE')
  history(@CurrentActor() actor: Actor, @Query() query: JobsQuery): Promise<Paginated<JobSummary>> {
    return this.page(query, { ...filterOf(query), userId: ownerScope(actor) });
  }

  /**
   * The jobs that were created today, newest first, with the day's numbers.
   *
   * @remarks The day is that of UTC unless a time zone is given; the answer says from when to when it is.
   */
  @Get('today')
  @Header('cache-control', 'no-store')
  @ApiData(JobsOfDay, { paged: true })
  @ApiErrors('VALIDATION_ERROR', 'MAINTENANCE')
  async today(@CurrentActor() actor: Actor, @Query() query: DayQuery): Promise<WithPagination<JobsOfDay>> {
    const { date, startsAt, endsAt } = await dayOf(this.db, query.timezone, query.date);
    const scope = { userId: ownerScope(actor), from: startsAt, before: endsAt };
    const [page, stats] = await Promise.all([
      this.page(query, { ...scope, status: query.status }),
      this.statistics.of(scope),
    ]);
    const day = {
      date,
      timezone: query.timezone,
      starts_at: startsAt.toISOString(),
      ends_at: endsAt.toISOString(),
      stats,
      jobs: page.data,
    };
    return new WithPagination(day, page.pagination);
  }

  /** Jobs in one state, newest first: one's own, or for staff those of everybody. */
  @Get('status/:status')
  @Header('cache-control', 'no-store')
  @ApiData(JobSummary, { list: 'paged' })
  @ApiErrors('VALIDATION_ERROR', 'MAINTENANCE')
  inState(
    @CurrentActor() actor: Actor,
    @Param() { status }: JobStatusParam,
    @Query() query: CreatedQuery,
  ): Promise<Paginated<JobSummary>> {
    return this.page(query, { ...filterOf(query), status, userId: ownerScope(actor) });
  }

  /** The numbers of jobs, of all time, of 24 hours and of 7 days: how many, how well, how fast. */
  @Get('summary/stats')
  @Header('cache-control', 'no-store')
  @ApiData(JobSummaryStats)
  @ApiErrors('MAINTENANCE')
  async summary(@CurrentActor() actor: Actor): Promise<JobSummaryStats> {
    const userId = ownerScope(actor);
    const as_of = new Date().toISOString();
    const [all_time, last_24h, last_7d] = await Promise.all([
      this.statistics.of({ userId }),
      this.statistics.of({ userId, from: hoursAgo(24) }),
      this.statistics.of({ userId, from: hoursAgo(7 * 24) }),
    ]);
    return { scope: userId === undefined ? 'all' : 'own', as_of, all_time, last_24h, last_7d };
  }

  /** The newest jobs, so many at most: one's own, or for staff those of everybody. */
  @Get('recent/:limit')
  @Header('cache-control', 'no-store')
  @ApiData(JobSummary, { list: true })
  @ApiErrors('VALIDATION_ERROR', 'MAINTENANCE')
  async recent(@CurrentActor() actor: Actor, @Param() { limit }: LimitParam): Promise<JobSummary[]> {
    const rows = await this.queries.list(
      { userId: ownerScope(actor) },
      { after: undefined, offset: 0, limit },
    );
    return rows.map(jobSummary);
  }

  /**
   * The jobs of a user, newest first.
   *
   * @remarks Users see their own; for them nobody else exists.
   */
  @Get('user/:user_id')
  @Header('cache-control', 'no-store')
  @ApiData(JobSummary, { list: 'paged' })
  @ApiErrors('VALIDATION_ERROR', 'USER_NOT_FOUND', 'MAINTENANCE')
  async ofUser(
    @CurrentActor() actor: Actor,
    @Param() { user_id: userId }: UserIdParam,
    @Query() query: JobsQuery,
  ): Promise<Paginated<JobSummary>> {
    const known =
      userId === actor.userId || (ownerScope(actor) === undefined && (await this.queries.userExists(userId)));
    if (!known) throw new AppError('USER_NOT_FOUND');
    return this.page(query, { ...filterOf(query), userId });
  }

  private async page(query: PageQuery, filter: JobFilter): Promise<Paginated<JobSummary>> {
    const slice = sliceOf(query);
    const [rows, total] = await Promise.all([this.queries.list(filter, slice), this.queries.total(filter)]);
    return pageOf(query, rows, total, (row) => row.id, jobSummary);
  }
}

function filterOf(query: CreatedQuery & Partial<JobsQuery>): JobFilter {
  const { status, error_code: errorCode, created_after: after, created_before: before } = query;
  return {
    status,
    errorCode,
    from: after === undefined ? undefined : new Date(after),
    before: before === undefined ? undefined : new Date(before),
  };
}
