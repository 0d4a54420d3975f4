import { ApiProperty } from '@nestjs/swagger';

/** A system event. */
export class LogLineDto {
  /** Its id. */
  id!: string;
  /** When it happened. */
  at!: Date;
  /** How serious it is: trace, debug, info, warn, error or fatal. @example warn */
  level!: string;
  /** The part of the system that says so. @example flow */
  source!: string;
  /** What kind of event it is. @example step.retried */
  event!: string;
  /** The same for people, 300 characters at most. */
  message!: string;
  /** The job that it is about, if it is about one. */
  job_id!: string | null;
  /** The trace that it belongs to, if it belongs to one. */
  trace_id!: string | null;
}

/** What happened lately. */
export class LogsDto {
  /** Events of the last hour by level. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' }, example: { info: 120, warn: 2 } })
  levels_1h!: Record<string, number>;
  /** The newest events, 100 at most. */
  recent!: LogLineDto[];
}
