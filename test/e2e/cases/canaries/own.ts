import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Watch } from '../../../support/canaries/watch';
import { makeUser, signIn } from '../../../support/users';
import { newKey } from '../../../support/pipeline';

/** An answer is kept for replays and for whoever asked; without their session, or the file, it lets nobody in. */
const OF_THE_ANSWER = /^executions$|^answers to (POST \/api\/admin\/action|GET \/api\/admin\/action\/status)/;

/** What the installation itself must not give away, and what it hands out to one person. */
export function secretsOfItsOwn(watching: () => Watch): void {
  let watch: Watch;
  beforeAll(() => {
    watch = watching();
  });
  const plant = (...args: Parameters<Watch['canaries']['plant']>) => watch.canaries.plant(...args);

  it('of its environment and keys', () => {
    const { environment } = watch.cluster;
    for (const name of ['DATABASE_URL', 'MIGRATION_DATABASE_URL'])
      plant(`the password of ${name}`, new URL(environment[name] ?? '').password);
    plant('a token for a service', watch.accountToken);
    const keys = join(watch.cluster.environment['AGENTOS_HOME'] ?? '', 'keys');
    const pem = readFileSync(join(keys, 'jwt-0001.pem'), 'utf8');
    plant('the key that signs tokens', pem.split('\n')[1]);
    plant('the secret of the installation', readFileSync(join(keys, 'secret.bin')).toString('hex'));
  });

  it('of sessions', async () => {
    const user = await makeUser(watch.cluster, 'admin');
    plant('a password', user.password);
    const tokens = await signIn(watch.cluster.http(), user);
    const refreshed = await watch.cluster
      .http(1)
      .post<typeof tokens>('/api/auth/refresh', { refresh_token: tokens.refresh_token });
    for (const [name, { access_token, refresh_token }] of Object.entries({
      first: tokens,
      second: refreshed.data,
    })) {
      plant(`the ${name} access token`, access_token);
      plant(`the ${name} refresh token`, refresh_token);
    }
    await watch.cluster.http().post('/api/auth/refresh', { refresh_token: tokens.refresh_token });
    plant("the administrator's access token", watch.admin.token);
    plant("the user's access token", watch.user.token);
  });

  it('of what lets somebody in for once', async () => {
    const act = async (action: string, payload: object, options: object = {}) =>
      (await watch.admin.action<Record<string, string>>(action, payload, { options, headers: newKey() }))
        .data;
    const { ticket } = await act('logs.stream_realtime', {});
    plant('a ticket of the gateway', ticket, /^answers to POST \/api\/admin\/action/);
    const { preview_token } = await act('queue.clear', { queue: 'inspector' }, { dry_run: true });
    plant('a token of a preview', preview_token, OF_THE_ANSWER);
    const exported = await act('job.export', { format: 'csv' }, { wait_ms: 20_000 });
    const link = new URL(exported['download_url'] ?? '').pathname.split('/').at(-1);
    plant('a link to a file', link, OF_THE_ANSWER);
  });
}
