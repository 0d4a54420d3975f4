import { ApiProperty } from '@nestjs/swagger';
import { IsUUID } from 'class-validator';
import { LIMIT_KINDS, type LimitKind } from '../../platform/settings/limit.settings';
import { DEPENDENCIES } from '../catalogue/action.decorator';
import { MayBeAbsent } from '../catalogue/fields';

const STATUSES = ['running', 'succeeded', 'failed', 'unknown', 'aborted'] as const;

/** Which execution. */
export class StatusQuery {
  @ApiProperty({ required: false, format: 'uuid', description: 'Without it: an overview.' })
  @MayBeAbsent()
  @IsUUID()
  execution_id?: string;
}

/** One run of an action. */
export class ExecutionView {
  @ApiProperty({ format: 'uuid' })
  execution_id!: string;
  @ApiProperty({ example: 'job.export' })
  action!: string;
  @ApiProperty({ enum: ['act', 'preview'] })
  kind!: string;
  @ApiProperty({
    enum: STATUSES,
    description: 'unknown: its process died, and whether it took effect cannot be told.',
  })
  status!: (typeof STATUSES)[number];
  @ApiProperty({ format: 'uuid' })
  actor_id!: string;
  @ApiProperty({
    type: Object,
    nullable: true,
    description: 'How far an operation is: done, total, message.',
  })
  progress!: object | null;
  @ApiProperty({
    description:
      'How often a process has begun to run an operation and neither ended it nor gave it back; over 1, one has died.',
  })
  attempts!: number;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it was asked to stop.',
  })
  abort_requested_at!: string | null;
  @ApiProperty({
    type: Object,
    nullable: true,
    description: 'What the action returned; of an aborted operation, what was done and what not.',
  })
  result!: unknown;
  @ApiProperty({ type: String, nullable: true })
  error_code!: string | null;
  @ApiProperty()
  trace_id!: string;
  @ApiProperty({ format: 'date-time' })
  created_at!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  finished_at!: string | null;
}

/** A circuit breaker, shared by all processes. */
export class CircuitView {
  @ApiProperty({ enum: DEPENDENCIES })
  dependency!: string;
  @ApiProperty({ enum: ['closed', 'open', 'probing'] })
  state!: string;
  @ApiProperty({ description: 'Whether an operator holds it so, by settings.circuit_breaker.forced.' })
  forced!: boolean;
  @ApiProperty({ description: 'Raised by each change of state.' })
  epoch!: number;
  @ApiProperty({ description: 'Until it is tried again, in milliseconds.' })
  retry_in_ms!: number;
}

/** A limit of the caller. */
export class LimitView {
  @ApiProperty({ example: 'actions' })
  policy!: string;
  @ApiProperty({ enum: LIMIT_KINDS, description: 'How it counts.' })
  kind!: LimitKind;
  @ApiProperty({ example: 50 })
  limit!: number;
  @ApiProperty({ example: 60 })
  window_s!: number;
  @ApiProperty({ example: 49 })
  remaining!: number;
  @ApiProperty({ description: 'Until more becomes available, in seconds.' })
  reset_s!: number;
}

/** The pipeline as the caller sees it. */
export class PipelineView {
  @ApiProperty({ type: [CircuitView], nullable: true, description: 'null while Redis is away.' })
  circuits!: CircuitView[] | null;
  @ApiProperty({ type: [LimitView], nullable: true, description: 'null while Redis is away.' })
  limits!: LimitView[] | null;
  @ApiProperty({ description: 'Executions that are running, of anybody.' })
  running!: number;
  @ApiProperty({ type: [String], description: 'The actions that the caller may run.' })
  permissions!: string[];
}

/** With an id the execution, without one the rest. */
export class StatusView {
  @ApiProperty({ type: ExecutionView, required: false })
  execution?: ExecutionView;
  @ApiProperty({ type: [ExecutionView], required: false, description: 'Of the caller, newest first.' })
  recent?: ExecutionView[];
  @ApiProperty({ type: PipelineView, required: false })
  pipeline?: PipelineView;
}
