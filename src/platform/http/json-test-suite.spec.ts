import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error';
import { readJson } from './json-body';

/**
 * JSONTestSuite by Nicolas Seriot (github.com/nst/JSONTestSuite, commit 1ef36fa, MIT, its licence beside the vectors):
 * all of test_parsing by name, in base64. The two that are 100,000 levels deep are made here.
 */
const VECTORS = JSON.parse(
  readFileSync(join(__dirname, '../../../test/support/json-test-suite/vectors.json'), 'utf8'),
) as Record<string, string>;
const BODIES: [string, Buffer][] = [
  ...Object.entries(VECTORS).map(([name, body]): [string, Buffer] => [name, Buffer.from(body, 'base64')]),
  ['n_structure_100000_opening_arrays', Buffer.from('['.repeat(100_000))],
  ['n_structure_open_array_object', Buffer.from(`${'[{"":'.repeat(50_000)}\n`)],
];

/** What is JSON and refused nevertheless, because programs disagree about what it says. */
const REFUSED_ON_PURPOSE = [
  'y_number_minus_zero',
  'y_number_negative_zero',
  'y_object_duplicated_key',
  'y_object_duplicated_key_and_value',
  'y_object_escaped_null_in_key',
  'y_string_null_escape',
];

/** `accepted`, or the status with which the body of a request is refused. */
async function verdictOn(body: Buffer): Promise<string | number> {
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
  const request = Object.assign(Readable.from([body]), { headers }) as unknown as IncomingMessage;
  try {
    await readJson(request, 1_000);
    return 'accepted';
  } catch (error) {
    if (error instanceof AppError) return error.status;
    throw error;
  }
}

/** The names of vectors of a kind whose verdict is another one. */
async function others(kind: string, verdict: string | number): Promise<string[]> {
  const found: string[] = [];
  for (const [name, body] of BODIES)
    if (name.startsWith(kind) && (await verdictOn(body)) !== verdict) found.push(name);
  return found.sort();
}

describe('of the JSONTestSuite', () => {
  it('all vectors are there', () => {
    const count = (kind: string): number => BODIES.filter(([name]) => name.startsWith(kind)).length;
    expect([count('y_'), count('n_'), count('i_')]).toEqual([95, 188, 35]);
  });

  it('everything that is no JSON is refused with 400; nothing at all is no body', async () => {
    expect(await others('n_', 400)).toEqual(['n_structure_no_data']);
  });

  it('everything that is JSON is read, unless programs disagree about what it says', async () => {
    expect(await others('y_', 'accepted')).toEqual(REFUSED_ON_PURPOSE);
  });

  it('everything that parsers may decide on is refused', async () => {
    expect(await others('i_', 400)).toEqual([]);
  });
});
