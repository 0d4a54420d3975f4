import type { Watch } from '../../../support/canaries/watch';
import { word } from '../../../support/canaries/secrets';
import { settled, upload } from '../../../support/video-way';

/** Begins as an MP4 does, so that a tool has to look at it. */
const BROKEN = Buffer.concat([
  Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1'),
  Buffer.alloc(2_000, 7),
]);
/** What somebody called their own things is theirs to see, and for those who look after jobs. */
const OF_THE_JOB =
  /^(jobs|uploads|steps)$|^answers to (GET|POST) \/api\/(jobs|upload|admin\/ssot|downloads)|^frames of (ssot|jobs|job:.*) at|^(redis :admin:dashboard|redis :feed:ssot|commands of the ssot)|^file .*exports.*jobs/;

/** What fails: statements, tools, services that are called. */
export function errorsWithSecrets(watching: () => Watch): void {
  let watch: Watch;
  beforeAll(() => {
    watch = watching();
  });
  const plant = (...args: Parameters<Watch['canaries']['plant']>) => watch.canaries.plant(...args);

  it('of a file that is no video', async () => {
    const name = `password=${plant('a file name', word(), OF_THE_JOB)}.mp4`;
    const uploadId = await upload([watch.user], { name, bytes: BROKEN });
    const title = `token=${plant('a title', word(), OF_THE_JOB)}`;
    const created = await watch.user.post<{ job_id: string }>('/api/jobs/create', {
      upload_id: uploadId,
      title,
    });
    expect((await settled(watch.user, created.data.job_id)).status).toBe('failed');
    const again = await watch.user.post<{ job_id: string }>('/api/jobs/create', { upload_id: uploadId });
    expect((await settled(watch.user, again.data.job_id)).status).toBe('failed');
  });

  it('of forms', async () => {
    const boundary = 'x';
    const part = (head: string, body: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
    const forms = [
      part(`name="upload_id"`, plant('a field of a form')),
      part(`name="password"`, plant('an unknown field of a form')),
      part(`name="file"; filename="token=${plant('a file name of a form')}"`, 'x'),
      `--${boundary}\r\n${plant('a malformed form')}`,
    ];
    for (const form of forms)
      for (const end of [`--${boundary}--\r\n`, ''])
        for (const api of [0, 1])
          expect(
            (
              await watch.user.at(watch.cluster.url(api)).call('POST', '/api/upload/chunk', {
                raw: form + end,
                headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
              })
            ).status,
          ).toBe(400);
    await watch.user.call('POST', `/api/upload/chunk?upload_id=${plant('an id of a chunk')}&index=0`, {
      raw: 'x',
    });
  });

  it('of statements that Postgres refuses', async () => {
    const { query } = watch.cluster;
    // It says what it was given, as errors of Postgres do.
    await query(`CREATE FUNCTION refuse_title() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM NEW.title::integer; RETURN NEW; END $$`);
    await query(`CREATE TRIGGER refuse_title BEFORE INSERT ON jobs FOR EACH ROW
      WHEN (NEW.title LIKE 'refuse%') EXECUTE FUNCTION refuse_title()`);
    await query(`CREATE FUNCTION refuse_reason() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'refused for %', to_jsonb(NEW); END $$`);
    await query(`CREATE TRIGGER refuse_email BEFORE INSERT ON users FOR EACH ROW
      WHEN (NEW.email LIKE 'refuse%') EXECUTE FUNCTION refuse_reason()`);
    await query(`ALTER TABLE jobs ADD CONSTRAINT refuse_row CHECK (title NOT LIKE 'check%')`);
    const uploadId = await upload([watch.user], { name: 'a.mp4', bytes: BROKEN });
    const create = (title: string) => watch.user.post('/api/jobs/create', { upload_id: uploadId, title });
    expect((await create(`refuse password: ${plant('a title in an error')}`)).status).toBe(500);
    expect((await create(`refuse {"token":"${plant('JSON in an error')}"}`)).status).toBe(500);
    expect((await create(`refuse postgres://a:${plant('a URL in an error')}@db/x`)).status).toBe(500);
    expect((await create(`check ${plant('a row in an error')}`)).status).toBe(500);
    const email = plant('an address in an error', `refuse-${word()}@example.test`);
    const password = plant('a password in an error');
    expect(await watch.act('config.add_user', { email, password, role: 'user' })).toBe(500);
  });
}
