import { applyDecorators } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsDefined, IsIn, IsInt, IsObject, IsOptional, Max, Min, ValidateNested } from 'class-validator';

const whole = (min: number, max: number): PropertyDecorator => applyDecorators(IsInt(), Min(min), Max(max));
const mayBe = (min: number, max: number): PropertyDecorator => applyDecorators(IsOptional(), whole(min, max));

const WINDOW_S = [1, 300] as const;
const VOLUME = [1, 100_000] as const;
const PERCENT = [1, 100] as const;
const CALL_MS = [1, 600_000] as const;
const OPEN_MS = [100, 3_600_000] as const;

/** When a dependency's circuit opens, and for how long. What is not given is as for all dependencies. */
export class CircuitOverride {
  @mayBe(...WINDOW_S) window_s?: number;
  @mayBe(...VOLUME) volume?: number;
  @mayBe(...PERCENT) failure_percent?: number;
  @mayBe(...CALL_MS) slow_call_ms?: number;
  @mayBe(...PERCENT) slow_percent?: number;
  @mayBe(...OPEN_MS) open_ms?: number;
  @mayBe(...OPEN_MS) max_open_ms?: number;
  @mayBe(...CALL_MS) probe_ms?: number;
}

/** Rules of single dependencies, where they differ. */
export class CircuitOverrides {
  @IsOptional() @IsObject() @ValidateNested() @Type(() => CircuitOverride) postgres?: CircuitOverride;
  @IsOptional() @IsObject() @ValidateNested() @Type(() => CircuitOverride) redis?: CircuitOverride;
  @IsOptional() @IsObject() @ValidateNested() @Type(() => CircuitOverride) queue?: CircuitOverride;
  @IsOptional() @IsObject() @ValidateNested() @Type(() => CircuitOverride) storage?: CircuitOverride;
}

const FORCED = ['open', 'closed'] as const;

/** What an operator does to a circuit by hand; null: nothing, it goes by what the calls come to. */
export type ForcedState = (typeof FORCED)[number] | null;

/**
 * Circuits that are held by hand: `open` refuses every call until it is taken away, `closed` lets every call
 * through. Taking either away begins anew with a closed circuit and nothing remembered.
 */
export class ForcedCircuits {
  @IsOptional() @IsIn(FORCED) postgres: ForcedState = null;
  @IsOptional() @IsIn(FORCED) redis: ForcedState = null;
  @IsOptional() @IsIn(FORCED) queue: ForcedState = null;
  @IsOptional() @IsIn(FORCED) storage: ForcedState = null;
}

/** Circuit breakers: when calls of something that fails are held back. */
export class CircuitBreakerSettings {
  /** Over how many seconds calls are counted. */
  @whole(...WINDOW_S) window_s = 10;
  /** Fewer calls than this in the window decide nothing. */
  @whole(...VOLUME) volume = 10;
  /** From this share of failures on it opens, in percent. */
  @whole(...PERCENT) failure_percent = 50;
  /** A call that takes at least this long is slow, in milliseconds. */
  @whole(...CALL_MS) slow_call_ms = 10_000;
  /** From this share of slow calls on it opens, in percent. */
  @whole(...PERCENT) slow_percent = 80;
  /** How long it stays open at first, in milliseconds; twice as long each time that a probe fails. */
  @whole(...OPEN_MS) open_ms = 5_000;
  /** The longest that it stays open, in milliseconds. */
  @whole(...OPEN_MS) max_open_ms = 60_000;
  /** A probe that takes longer has failed, in milliseconds. */
  @whole(...CALL_MS) probe_ms = 20_000;

  /** Where a dependency (postgres, redis, queue, storage) has other rules: any of those above, by its name. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => CircuitOverrides)
  dependencies = new CircuitOverrides();

  /** Circuits that are held by hand, by dependency: `open` refuses all calls, `closed` lets all through; null: neither. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ForcedCircuits)
  forced = new ForcedCircuits();
}
