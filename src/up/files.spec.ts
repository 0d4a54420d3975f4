import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keptSecret } from './files';
import { Cluster } from './postgres/cluster';

describe('a kept password', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'secrets-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('stays the same', () => {
    const path = join(folder, 'redis');
    const secret = keptSecret(path);
    expect(secret).toMatch(/^[\w-]{32}$/);
    expect(keptSecret(path)).toBe(secret);
    expect(readFileSync(path, 'utf8')).toBe(`${secret}\n`);
  });

  it('is made anew where a power cut left nothing of it', () => {
    const path = join(folder, 'redis');
    writeFileSync(path, '');
    expect(keptSecret(path)).toMatch(/^[\w-]{32}$/);
  });

  it('of data that it opens is asked for, and not made anew', () => {
    const data = join(folder, 'postgres', 'data');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'PG_VERSION'), '17');
    writeFileSync(join(folder, 'postgres-owner'), '\n');
    const user = { owner: undefined, name: '', folder };
    const { signal } = new AbortController();
    expect(() => new Cluster({ user, secretsFolder: folder, signal })).toThrow('is missing or empty');
  });
});
