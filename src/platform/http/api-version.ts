import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error';

/**
 * The versions of the API, oldest first: each a date on which something changed that could break a client. What a
 * version promises stands in docs/api, and CI compares it with what the code does.
 */
export const API_VERSIONS = ['2026-11-26'] as const;

/** What every answer names in `API-Version`. */
export const API_VERSION: string = API_VERSIONS[API_VERSIONS.length - 1] ?? '';

/**
 * What is wrong with the version that a request asks for; undefined if it asks for none or for one that there is. A
 * client that is pinned to a version is refused by a server that does not have it, instead of being answered otherwise.
 */
export function versionFault({ headers }: IncomingMessage): AppError | undefined {
  const asked = headers['api-version'];
  if (asked === undefined || API_VERSIONS.some((version) => version === asked)) return undefined;
  return new AppError('API_VERSION_UNKNOWN', `The versions of this API are: ${API_VERSIONS.join(', ')}.`);
}
