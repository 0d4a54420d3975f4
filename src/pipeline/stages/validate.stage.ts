import { Inject, Injectable } from '@nestjs/common';
import { AppError, type FieldError } from '../../platform/errors/app-error';
import { bodyField } from '../../platform/errors/field-errors';
import { Catalogue } from '../catalogue/catalogue';
import { validatePayload } from '../catalogue/payload-validator';
import { Fingerprints } from '../fingerprints';
import { idempotencyKey } from '../idempotency-key';
import { readOptions } from '../options.dto';
import { PreviewTokens } from '../preview/preview-tokens';
import type { ActionAnswer, Run, Stage } from '../run';

/** Finds the action and makes its command; names everything that is wrong with the request at once. */
@Injectable()
export class ValidateStage implements Stage {
  readonly name = 'validate';

  constructor(
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(PreviewTokens) private readonly previews: PreviewTokens,
    @Inject(Fingerprints) private readonly fingerprints: Fingerprints,
  ) {}

  handle(run: Run, next: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
    this.findAction(run);
    this.readBody(run);
    run.idempotencyKey = idempotencyKey(run.call.rawHeaders);
    run.fingerprint = this.fingerprints.of(run.entry.name, run.payload);
    this.checkDemands(run);
    return next();
  }

  private findAction(run: Run): void {
    const entry = typeof run.action === 'string' ? this.catalogue.find(run.action) : undefined;
    if (!entry) {
      const wrong = bodyField(['action'], 'is not the name of an action; docs/actions.md lists them');
      throw new AppError('VALIDATION_ERROR', undefined, { details: [...run.call.bodyErrors, wrong] });
    }
    run.entry = entry;
  }

  private readBody(run: Run): void {
    const errors: FieldError[] = [...run.call.bodyErrors];
    const read = readOptions(run.call.options);
    if ('errors' in read) errors.push(...read.errors);
    else run.options = read.options;
    const validated = validatePayload(run.entry.command, run.payload);
    if ('errors' in validated) errors.push(...validated.errors);
    else run.command = validated.command;
    if (errors.length > 0) throw new AppError('VALIDATION_ERROR', undefined, { details: errors });
  }

  /** What the action's risk and mode ask of the options and headers. */
  private checkDemands(run: Run): void {
    const { entry, options } = run;
    if (options.dry_run && !entry.previews) throw invalid('dry_run', 'this action has no preview');
    if (options.wait_ms > 0 && entry.mode !== 'operation')
      throw invalid('wait_ms', 'this action answers when it is done anyway');
    if (options.preview_token !== undefined) {
      if (options.dry_run) throw invalid('preview_token', 'is for acting, not for another preview');
      run.preview = this.previews.verify(options.preview_token, {
        actorId: run.actor.userId,
        action: entry.name,
        fingerprint: run.fingerprint,
      });
    }
    if (options.dry_run) return;
    if (entry.risk === 'critical' && (options.confirm !== entry.name || !options.reason?.trim()))
      throw new AppError('CONFIRMATION_REQUIRED', undefined, { details: missingConfirmation(run) });
    if ((entry.risk === 'critical' || entry.bulk) && run.idempotencyKey === null)
      throw new AppError('IDEMPOTENCY_KEY_REQUIRED');
  }
}

function missingConfirmation({ entry, options }: Run): FieldError[] {
  const errors: FieldError[] = [];
  if (options.confirm !== entry.name)
    errors.push(bodyField(['options', 'confirm'], `must be "${entry.name}"`));
  if (!options.reason?.trim()) errors.push(bodyField(['options', 'reason'], 'must say why'));
  return errors;
}

function invalid(option: string, message: string): AppError {
  return new AppError('VALIDATION_ERROR', undefined, { details: [bodyField(['options', option], message)] });
}
