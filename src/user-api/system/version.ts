import { readFileSync } from 'node:fs';
import { join } from 'node:path';

let version: string | undefined;

/** The version in package.json, as far above src as above dist. */
export function productVersion(): string {
  version ??= (
    JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as { version: string }
  ).version;
  return version;
}
