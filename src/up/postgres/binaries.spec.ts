import { choose, parseVersion, type PostgresBinaries } from './binaries';

const binaries = (major: number): PostgresBinaries => ({
  folder: `/pg/${major}`,
  major,
  version: `${major}.1`,
});

describe('choosing Postgres', () => {
  it.each([
    ['postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)', { version: '15.8', major: 15 }],
    ['postgres (PostgreSQL) 18beta1', { version: '18beta1', major: 18 }],
    ['initdb: command not found', undefined],
  ])('reads %s', (text, expected) => expect(parseVersion(text)).toEqual(expected));

  it('takes the newest for a new installation, and none that is too old', () => {
    expect(choose([binaries(13), binaries(16), binaries(12)], undefined, '/data')?.major).toBe(16);
    expect(choose([binaries(12)], undefined, '/data')).toBeUndefined();
  });

  it('takes the version that made the data, though a newer one is here', () => {
    expect(choose([binaries(17), binaries(15)], 15, '/data')?.major).toBe(15);
  });

  it.each([18, 14])('refuses data of version %d that no version here can open', (dataMajor) => {
    expect(() => choose([binaries(17), binaries(15)], dataMajor, '/data')).toThrow(
      `The data in /data was made by Postgres ${dataMajor}, which is not here (found: 17, 15); install Postgres ${dataMajor}, or set AGENTOS_HOME to another folder.`,
    );
  });
});
