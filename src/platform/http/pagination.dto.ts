import { ApiProperty } from '@nestjs/swagger';

/** The seeds' pagination block. */
export class Pagination {
  /** @example 1 */
  @ApiProperty({ type: 'integer' })
  page!: number;
  /** @example 20 */
  @ApiProperty({ type: 'integer' })
  per_page!: number;
  /** Exact up to 10,000; beyond that an estimate, and `total_is_estimate` says so. @example 41 */
  @ApiProperty({ type: 'integer' })
  total!: number;
  /** @example 3 */
  @ApiProperty({ type: 'integer' })
  total_pages!: number;
  has_next!: boolean;
  has_prev!: boolean;
  total_is_estimate?: boolean;
  /** For `cursor`, to read on from the end of this page; null on the last one. */
  next_cursor?: string | null;
}
