import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../platform/errors/app-error';
import { Db } from '../../platform/postgres/db';
import { fingerprint } from '../../platform/security/canonical-json';
import { signToken, verifyToken } from '../../platform/security/signed-token';
import { SigningKeys } from '../../platform/security/signing-keys';
import { type FrozenItem, type Preview, PREVIEW_SAMPLE, type PreviewEffect } from './preview';

/** How long what was previewed may be acted on, in seconds. */
const LIFE_S = 300;

/** What a preview answers. */
export interface PreviewAnswer {
  count: number;
  /** The first {@link PREVIEW_SAMPLE}. */
  ids: string[];
  /** SHA-256 over all of the selection, hexadecimal. */
  digest: string;
  effects: readonly PreviewEffect[];
  warnings: readonly string[];
  preview_token: string;
  expires_at: string;
}

/** What a token must belong to. */
export interface TokenSubject {
  actorId: string;
  action: string;
  /** Of action and payload. */
  fingerprint: Buffer;
}

interface Said {
  purpose: 'preview';
  execution: string;
  actor: string;
  action: string;
  fingerprint: string;
  digest: string;
}

/** The preview that a token names. */
export interface NamedPreview {
  readonly id: string;
  /** Whether it may not be acted on any more. */
  readonly expired: boolean;
}

/** Before any token expires. */
const EVER = new Date(0);

/** Previews and the tokens that bind an act to what its preview showed. */
@Injectable()
export class PreviewTokens {
  constructor(
    @Inject(SigningKeys) private readonly keys: SigningKeys,
    @Inject(Db) private readonly db: Db,
  ) {}

  /** The answer to a preview; its selection is kept with the execution. */
  answer(preview: Preview, subject: TokenSubject, executionId: string): PreviewAnswer {
    const expiresAt = new Date(Date.now() + LIFE_S * 1000);
    const digest = digestOf(preview.selection);
    const said: Said = {
      purpose: 'preview',
      execution: executionId,
      actor: subject.actorId,
      action: subject.action,
      fingerprint: subject.fingerprint.toString('hex'),
      digest,
    };
    return {
      count: preview.selection.length,
      ids: preview.selection.slice(0, PREVIEW_SAMPLE).map((item) => item.id),
      digest,
      effects: preview.effects.slice(0, PREVIEW_SAMPLE),
      warnings: preview.warnings,
      preview_token: signToken(this.keys.secret('preview'), said, expiresAt),
      expires_at: expiresAt.toISOString(),
    };
  }

  /**
   * The preview that a token names. One that has expired is still told: a retry of what was done with it in time is to
   * be answered from the record.
   *
   * @throws AppError PREVIEW_INVALID if it is forged, or of another actor, action or payload
   */
  verify(token: string, subject: TokenSubject): NamedPreview {
    const said = verifyToken<Said & { exp: number }>(this.keys.secret('preview'), token, EVER);
    if (
      said?.purpose !== 'preview' ||
      said.actor !== subject.actorId ||
      said.action !== subject.action ||
      said.fingerprint !== subject.fingerprint.toString('hex')
    )
      throw new AppError('PREVIEW_INVALID');
    return { id: said.execution, expired: said.exp * 1000 <= Date.now() };
  }

  /** What the preview had selected. @throws AppError PREVIEW_INVALID if it is not there any more */
  async selection(previewId: string): Promise<readonly FrozenItem[]> {
    const [row] = await this.db.query<{ result: { selection?: FrozenItem[] } | null }>(
      `SELECT result FROM executions WHERE id = $1 AND kind = 'preview' AND status = 'succeeded'`,
      [previewId],
    );
    if (!row?.result?.selection) throw new AppError('PREVIEW_INVALID');
    return row.result.selection;
  }
}

/** One value for a selection, whatever the order of its items. */
export function digestOf(selection: readonly FrozenItem[]): string {
  const sorted = [...selection].sort((a, b) => (a.id < b.id ? -1 : 1));
  return fingerprint(sorted.map(({ id, state }) => [id, state])).toString('hex');
}
