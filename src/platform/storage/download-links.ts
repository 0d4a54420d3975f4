import { Inject, Injectable } from '@nestjs/common';
import { SigningKeys } from '../security/signing-keys';
import { signToken, verifyToken } from '../security/signed-token';
import { ENV, type Env } from '../settings/env';

const HOUR_MS = 3_600_000;
/** A link is good for at least so long. */
const LIFE_MS = 6 * HOUR_MS;

/** Where a file can be fetched, and until when. */
export interface DownloadLink {
  readonly url: string;
  readonly expiresAt: Date;
}

interface LinkPayload {
  /** The artifact. */
  a: string;
}

/**
 * Links to produced files that work without signing in, for whoever has them, until they expire. They expire on the
 * hour, so that the same file has the same link for an hour and a browser's cache is of use.
 */
@Injectable()
export class DownloadLinks {
  constructor(
    @Inject(SigningKeys) private readonly keys: SigningKeys,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /** A link to an artifact, good for six to seven hours. */
  to(artifactId: string, now = new Date()): DownloadLink {
    const expiresAt = new Date(Math.ceil((now.getTime() + LIFE_MS) / HOUR_MS) * HOUR_MS);
    const payload: LinkPayload = { a: artifactId };
    const token = signToken(this.secret(), payload, expiresAt);
    return { url: `${this.env.publicUrl.replace(/(?<!\/)\/+$/, '')}/api/downloads/${token}`, expiresAt };
  }

  /**
   * A link to a file that names others beside it, such as a playlist: what it names is found under the same token.
   *
   * @param name what the link's path ends with, for players that go by it
   */
  toSet(artifactId: string, name: string, now = new Date()): string {
    return `${this.to(artifactId, now).url}/${name}`;
  }

  /** The artifact that a token of a link names; undefined if it is forged or expired. */
  artifactOf(token: string): string | undefined {
    return verifyToken<LinkPayload>(this.secret(), token)?.a;
  }

  private secret(): Buffer {
    return this.keys.secret('downloads');
  }
}
