import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsUUID, Max, Min } from 'class-validator';
import { AppError } from '../platform/errors/app-error';
import { Paginated } from '../platform/http/envelope';
import { MayBeAbsent } from '../pipeline/catalogue/fields';

/** Pages by number reach this far; beyond it a list is read on by cursor. */
export const MAX_DEPTH = 10_000;

/** Reads a whole number of a query; anything else stays text, which the validation then refuses. */
export function ToInt(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value,
  );
}

/** Which part of a list is wanted: a page by its number, or what follows a cursor. */
export class PageQuery {
  /** The page, from 1. Pages reach 10,000 entries deep; read on from there with `cursor`. @example 1 */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_DEPTH, default: 1 })
  @MayBeAbsent()
  @ToInt()
  @IsInt()
  @Min(1)
  @Max(MAX_DEPTH)
  page: number = 1;

  /** Entries per page. @example 20 */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 100, default: 20 })
  @MayBeAbsent()
  @ToInt()
  @IsInt()
  @Min(1)
  @Max(100)
  per_page: number = 20;

  /** `pagination.next_cursor` of the page before, to read on from its end, at any depth. Takes the place of `page`. */
  @MayBeAbsent()
  @IsUUID()
  cursor?: string;
}

/** A page as the database is asked for it. */
export interface Slice {
  /** The last entry of the page before, where the list is read by cursor. */
  after: string | undefined;
  offset: number;
  limit: number;
}

/**
 * What to ask the database for: one entry more than the page has, which tells whether there is a next page.
 *
 * @throws AppError VALIDATION_ERROR for a page that is too deep
 */
export function sliceOf(query: PageQuery): Slice {
  if (query.cursor !== undefined) return { after: query.cursor, offset: 0, limit: query.per_page + 1 };
  const offset = (query.page - 1) * query.per_page;
  if (offset >= MAX_DEPTH) {
    const message = `pages reach ${MAX_DEPTH} entries deep; read on with cursor`;
    throw new AppError('VALIDATION_ERROR', `This page is too deep: ${message}.`, {
      details: [{ path: 'page', message }],
    });
  }
  return { after: undefined, offset, limit: query.per_page + 1 };
}

/** A total, and whether it is only an estimate. */
export interface Total {
  count: number;
  estimated: boolean;
}

/** The page made of `rows` (read by {@link sliceOf}), in the seeds' form. */
export function pageOf<Row, Item>(
  query: PageQuery,
  rows: Row[],
  total: Total,
  idOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): Paginated<Item> {
  const shown = rows.slice(0, query.per_page);
  const hasNext = rows.length > shown.length;
  const last = shown.at(-1);
  return new Paginated(shown.map(toItem), {
    page: query.page,
    per_page: query.per_page,
    total: total.count,
    total_pages: Math.ceil(total.count / query.per_page),
    has_next: hasNext,
    has_prev: query.cursor !== undefined || query.page > 1,
    ...(total.estimated ? { total_is_estimate: true } : {}),
    next_cursor: hasNext && last !== undefined ? idOf(last) : null,
  });
}
