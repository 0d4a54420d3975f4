import { v7 as uuidv7 } from 'uuid';
import { auditEntry } from '../../src/pipeline/audit/audit-entry';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { AuditSealer } from '../../src/pipeline/audit/audit-sealer.manager';
import { AuditSealingModule } from '../../src/pipeline/audit/audit-sealing.module';
import { CheckpointFile } from '../../src/pipeline/audit/seals/checkpoint-file';
import { ERASED } from '../../src/pipeline/audit/subjects/personal-fields';
import { SubjectKeys } from '../../src/pipeline/audit/subjects/subject-keys';
import { AuditVerifier } from '../../src/pipeline/audit/verify/audit-verifier';
import { PostgresSource } from '../../src/pipeline/audit/verify/postgres-source';
import { type AuditQuery, AuditSearch } from '../../src/categories/logs/audit-search';
import { LogsCategory } from '../../src/categories/logs/logs.module';
import { Db } from '../../src/platform/postgres/db';
import { AuditKeys } from '../../src/platform/security/audit-keys';
import type { SigningKeys } from '../../src/platform/security/signing-keys';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { eraseUser } from '../../src/up/erasure';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';
import { type TestUser, makeUser } from '../support/users';

const IP = '192.0.2.77';
const AGENT = 'Mozilla/5.0 (canary 4711)';
const REASON = 'because Mrs. Canary asked for it';

describe('the erasure of a person', () => {
  let app: TestApp;
  let alice: TestUser;
  let bob: TestUser;

  const write = (userId: string, phase: 'denial' | 'security' = 'denial'): Promise<void> => {
    const said = { actor_id: userId, action: 'job.cancel', reason: REASON, ip: IP, user_agent: AGENT };
    return app.get(AuditLog).write([auditEntry({ phase, outcome: 'denied', ...said })]);
  };
  const search = (query: Partial<AuditQuery>) =>
    app.get(AuditSearch).find({ action: 'job.cancel', limit: 50, ...query });
  const said = async (query: Partial<AuditQuery>) =>
    (await search(query)).entries.map(({ actor_id, ip, user_agent, reason }) => [
      actor_id === alice.id ? 'alice' : 'bob',
      ip,
      user_agent,
      reason,
    ]);
  const anotherInstallation = (): SubjectKeys => {
    const keys = new SubjectKeys(app.get(Db), { secret: () => Buffer.alloc(32) } as unknown as SigningKeys);
    keys.onModuleInit();
    return keys;
  };
  const everything = async (): Promise<string> =>
    JSON.stringify(await app.database.query('SELECT * FROM audit_entries'));

  beforeAll(async () => {
    app = await bootModules([LogsCategory, AuditSealingModule]);
    await makeUser(app.database, 'admin');
    alice = await makeUser(app.database, 'operator');
    bob = await makeUser(app.database, 'operator');
    await write(alice.id);
    await write(bob.id);
  });
  afterAll(() => app?.close());

  it('can be: what is personal is stored under a key of its own, and found and read as if it were not', async () => {
    const stored = await everything();
    for (const secret of [IP, AGENT, 'Canary']) expect(stored).not.toContain(secret);
    const both = [
      ['bob', IP, AGENT, REASON],
      ['alice', IP, AGENT, REASON],
    ];
    expect(await said({})).toEqual(both);
    expect(await said({ ip: IP })).toEqual(both);
    expect(await said({ ip: '192.0.2.78' })).toEqual([]);
    expect(await said({ actor: alice.email })).toEqual(both.slice(1));
    const keys = await app.database.query<{ wrapped: Buffer }>('SELECT wrapped FROM subject_keys');
    expect(new Set(keys.map(({ wrapped }) => wrapped.toString('hex'))).size).toBe(2);
  });

  it('makes one key, however many entries of somebody new come at the same time', async () => {
    const { id } = await makeUser(app.database, 'user');
    await Promise.all(
      Array.from({ length: 20 }, () => app.get(SubjectKeys).obtain(id)).concat(
        Array.from({ length: 3 }, () => write(id).then(() => app.get(SubjectKeys).obtain(id))),
      ),
    );
    expect(await app.database.query('SELECT FROM subject_keys WHERE subject_id = $1', [id])).toHaveLength(1);
    // Under another installation's secret it is no key at all.
    await expect(anotherInstallation().find([id])).rejects.toThrow();
    await write(id);
    const forms = await app.database.query('SELECT DISTINCT ip FROM audit_entries WHERE actor_id = $1', [id]);
    expect(forms).toHaveLength(1);
  });

  it('leaves an audit that verifies, and readers who see that something was erased', async () => {
    const executionId = uuidv7();
    await app.database.query(
      `INSERT INTO executions (id, action, kind, actor_id, status, fingerprint, payload, lease_until, trace_id, response_body,
                               idempotency_key)
       VALUES ($1, 'job.cancel', 'act', $2, 'succeeded', '\\x00', $3, now(), 't', 'answer', 'canary')`,
      [executionId, alice.id, JSON.stringify({ payload: {}, reason: REASON })],
    );
    await app
      .get(RuntimeSettings)
      .update({ audit: { keep_days: 99 } }, { authorId: alice.id, comment: REASON });
    await app.database.query(
      'INSERT INTO sessions (id, user_id, expires_at, ip) VALUES ($1, $2, now(), $3)',
      [uuidv7(), alice.id, IP],
    );
    const before = await sealAndCount();
    expect(await eraseUser(app.get(Db), alice.email)).toEqual({
      userId: alice.id,
      executions: 1,
      sessions: 1,
      jobs: 0,
      uploads: 0,
    });
    expect(await said({ actor: alice.id })).toEqual([['alice', ERASED, ERASED, ERASED]]);
    expect(await said({ ip: IP, actor: bob.id })).toEqual([['bob', IP, AGENT, REASON]]);
    expect(await said({ ip: IP, actor: alice.id })).toEqual([]);
    expect(await said({ actor: alice.email })).toEqual([]);
    // What this process still holds the key for is written, and cannot be read either.
    await write(alice.id);
    expect((await said({ actor: alice.id })).flat().filter((text) => text === ERASED)).toHaveLength(6);

    expect(await verify()).toMatchObject({ intact: true, entries: before });
    const [user] = await app.database.query('SELECT * FROM users WHERE id = $1', [alice.id]);
    expect(user).toMatchObject({ enabled: false, email: `erased-${alice.id}@erased.invalid` });
    const [execution] = await app.database.query('SELECT * FROM executions WHERE id = $1', [executionId]);
    expect(execution).toMatchObject({
      payload: { payload: {}, reason: null },
      response_body: null,
      idempotency_key: null,
    });
    expect(
      await app.database.query('SELECT comment FROM settings_versions WHERE author_id = $1', [alice.id]),
    ).toEqual([{ comment: null }]);
    expect(
      await app.database.query(
        `SELECT actor_id, detail FROM audit_entries WHERE error_code = 'account_erased'`,
      ),
    ).toEqual([{ actor_id: null, detail: { user_id: alice.id } }]);
  });

  it('does not make erased what somebody only calls so', async () => {
    const said = { ip: IP, user_agent: 'sealed:1:canary', trace_id: 'nobody' };
    await app.get(AuditLog).write([auditEntry({ phase: 'denial', outcome: 'denied', ...said })]);
    expect((await app.get(AuditSearch).find({ trace_id: 'nobody', limit: 1 })).entries).toMatchObject([
      { ip: IP, user_agent: 'sealed:1:canary', encrypted: {} },
    ]);
  });

  it('keeps nothing new of somebody who was erased, and is not undone by erasing twice', async () => {
    await eraseUser(app.get(Db), alice.id);
    expect(await anotherInstallation().obtain(alice.id)).toBeNull();
    // A minute later the key is gone from where it was held, too.
    const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 61_000);
    try {
      expect(await app.get(SubjectKeys).obtain(alice.id)).toBeNull();
    } finally {
      now.mockRestore();
    }
    const { id } = await makeUser(app.database, 'user');
    await eraseUser(app.get(Db), id);
    await write(id);
    expect(
      await app.database.query('SELECT ip, user_agent, reason FROM audit_entries WHERE actor_id = $1', [id]),
    ).toEqual([{ ip: null, user_agent: null, reason: null }]);
  });

  it('is refused for nobody, for the last administrator, and while something of theirs runs', async () => {
    await expect(eraseUser(app.get(Db), 'nobody@example.test')).rejects.toThrow('no user');
    const [admin] = await app.database.query<{ id: string }>(`SELECT id FROM users WHERE role = 'admin'`);
    // Nobody can sign in as this one.
    const { id: bare } = await makeUser(app.database, 'admin');
    await app.database.query(`UPDATE users SET password_hash = '' WHERE id = $1`, [bare]);
    await expect(eraseUser(app.get(Db), admin?.id ?? '')).rejects.toThrow('last administrator');
    await app.database.query(
      `INSERT INTO executions (id, action, kind, actor_id, status, fingerprint, payload, lease_until, trace_id)
       VALUES ($1, 'job.cancel', 'act', $2, 'running', '\\x00', '{}', now(), 't')`,
      [uuidv7(), bob.id],
    );
    await expect(eraseUser(app.get(Db), bob.id)).rejects.toThrow('still running');
    expect(await said({ actor: bob.id })).toEqual([['bob', IP, AGENT, REASON]]);
  });

  const verify = async () =>
    AuditVerifier.verify(
      new PostgresSource(app.get(Db)),
      await app.get(AuditKeys).verifying(),
      new CheckpointFile(app.env.auditCheckpointFile).all(),
    );
  const sealAndCount = (): Promise<number> =>
    eventually(async () => {
      await app.get(AuditSealer).run({ fence: 1, signal: new AbortController().signal });
      const { unsealed, entries } = await verify();
      expect(unsealed).toBe(0);
      return entries;
    });
});
