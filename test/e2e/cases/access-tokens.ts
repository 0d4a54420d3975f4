import { execFile } from 'node:child_process';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../../support/cluster';
import { eventually } from '../../support/eventually';
import { PROJECT } from '../../support/process';
import { makeUser, signIn, type Tokens } from '../../support/users';

const run = promisify(execFile);

const kidOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;

/** Access tokens, and the keys that sign them. Everything that is ever logged must be: what must not be there is looked for. */
export function accessTokens(running: () => Cluster): void {
  let cluster: Cluster;
  beforeAll(() => {
    cluster = running();
  });

  const statusAt = async (token: string, api: number): Promise<number> =>
    (await cluster.http(api).as(token).get('/api/jobs/history')).status;

  describe('an access token in the address', () => {
    it('is not looked at, and never logged', async () => {
      const { access_token } = await signIn(cluster.http(), await makeUser(cluster, 'user'));
      for (const name of ['access_token', 'token', 'authorization', 'jwt']) {
        const query = `${name}=${encodeURIComponent(access_token)}`;
        expect((await cluster.http().get(`/api/jobs/history?${query}`)).status).toBe(401);
        expect((await cluster.http().post(`/api/nothing?${query}`)).status).toBe(404);
      }
      expect(cluster.apis.map((api) => api.tail(1_000)).join('\n')).not.toContain(access_token.slice(-40));
    });
  });

  describe('keys', () => {
    const folder = () => join(cluster.folder, 'home', 'keys');
    const rotate = (...args: string[]) =>
      run(process.execPath, ['dist/up/rotate-keys.js', ...args], {
        cwd: PROJECT,
        env: { PATH: process.env['PATH'], KEYS_DIR: folder() },
      });

    /** The next tokens of a session, signed by that api: no password is hashed for them. */
    const renewed = async ({ refresh_token }: Tokens, api: number): Promise<Tokens> =>
      (await cluster.http(api).post<Tokens>('/api/auth/refresh', { refresh_token })).data;

    it('are rotated under running processes: no token is ever refused, and the old key goes when it is told to', async () => {
      const user = await makeUser(cluster, 'user');
      let tokens = await signIn(cluster.http(), user);
      const before = tokens.access_token;
      const { stdout } = await rotate();
      const kid = /kid ([\w-]+)/.exec(stdout)?.[1];
      expect(stdout).toContain('jwt-0002.pem');
      // From the first second to the last, whoever signs is understood by the other.
      const signers = new Set<string>();
      await eventually(
        async () => {
          for (const api of [0, 1]) {
            tokens = await renewed(tokens, api);
            expect(await statusAt(tokens.access_token, 1 - api)).toBe(200);
            if (kidOf(tokens.access_token) === kid) signers.add(`api ${api}`);
          }
          expect(signers.size).toBe(2);
        },
        { timeoutMs: 40_000, intervalMs: 300 },
      );
      expect([await statusAt(before, 0), await statusAt(before, 1)]).toEqual([200, 200]);
      expect((await rotate('--prune')).stdout).toMatch(/^Kept jwt-0001\.pem/m);
      // As if the last token of the old key had expired.
      const longAgo = new Date(Date.now() - 2 * 3_600_000);
      await utimes(join(folder(), 'jwt-0002.pem'), longAgo, longAgo);
      expect((await rotate('--prune')).stdout).toContain('Removed jwt-0001.pem.');
      const { access_token } = await signIn(cluster.http(1), user);
      await eventually(async () => {
        for (const api of [0, 1]) {
          expect(await statusAt(before, api)).toBe(401);
          expect(await statusAt(access_token, api)).toBe(200);
        }
      });
      await eventually(async () =>
        expect(
          await cluster.query(`SELECT count FROM audit_entries WHERE error_code = 'signing_key_added'`),
        ).toEqual([{ count: 1 }]),
      );
    });

    it('are not touched by a command that was mistyped', async () => {
      await expect(rotate('--purge')).rejects.toMatchObject({
        code: 64,
        stdout: expect.stringContaining('Usage') as unknown,
      });
    });
  });
}
