import '../../src/apps/api.module';
import { v7 as uuidv7 } from 'uuid';
import { declaredCommands } from '../../src/pipeline/catalogue/action.decorator';
import { Catalogue } from '../../src/pipeline/catalogue/catalogue';
import { fingerprint } from '../../src/platform/security/canonical-json';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import type { Answer, HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import {
  auditOf,
  brokenPayloads,
  type DeclaredAction,
  newKey,
  optionsOf,
  productActions,
  strangers,
} from '../support/pipeline';
import { saveSettings, TEST_SETTINGS } from '../support/users';

/** Every action of the product, also each that is yet to come, through every refusal of the pipeline. */
const ACTIONS = productActions(declaredCommands());

describe.each(ACTIONS.map((action) => [action.name, action] as const))(
  '%s',
  (_name, action: DeclaredAction) => {
    const { name, example } = action;
    const extra = optionsOf(action);
    const run = (client: HttpClient, headers = newKey()) =>
      client.action(name, example, { ...extra, headers });

    /** That a refusal has the one entry that it is to have. */
    const isOnRecord = async ({ database }: TestInstallation, { status, body }: Answer): Promise<void> => {
      const entries = await auditOf(database, body.trace_id, 1);
      expect(entries).toMatchObject([
        { phase: 'denial', outcome: 'denied', action: name, status, error_code: body.error_code },
      ]);
    };

    it('is in the catalogue', () => {
      expect(installation.get(Catalogue).find(name)).toBeDefined();
    });

    it('needs a token', async () => {
      const answer = await run(installation.http());
      expect([answer.status, answer.body.error_code]).toEqual([401, 'UNAUTHORIZED']);
    });

    if (!action.anyoneOnOwn)
      it.each(strangers(action))('is refused to %s, and that is on record', async (role) => {
        const { user, client } = await installation.user(role);
        const answer = await run(client);
        expect([answer.status, answer.body.error_code]).toEqual([403, 'FORBIDDEN']);
        const entries = await auditOf(installation.database, answer.body.trace_id, 1);
        expect(entries).toMatchObject([
          {
            phase: 'denial',
            outcome: 'denied',
            actor_id: user.id,
            action: name,
            status: 403,
            error_code: 'FORBIDDEN',
          },
        ]);
      });

    // More of one person's refusals would share an entry of the audit.
    const cases = brokenPayloads(action).map(
      ([what, ...rest], i) => [what, Math.floor(i / 5), ...rest] as const,
    );
    it.each(cases)('refuses %s by its name', async (_what, turn, payload, path) => {
      const client = (others[turn] ??= (await installation.user('admin')).client);
      const answer = await client.action(name, payload, { ...extra, headers: newKey() });
      expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
      expect(answer.body.details?.map((detail) => detail.path)).toContainEqual(expect.stringContaining(path));
      expect(await auditOf(installation.database, answer.body.trace_id, 1)).toMatchObject([
        { phase: 'denial', action: name, status: 400 },
      ]);
    });

    it('is recorded with its intent and its outcome', async () => {
      const answer = await run(admin);
      expect(answer.status).toBeLessThan(500);
      const wanted = answer.status === 202 ? 1 : 2;
      // What is told to those in charge of security stands there, too, a moment later.
      const entries = (await auditOf(installation.database, answer.body.trace_id, wanted)).filter(
        (entry) => entry.phase !== 'security',
      );
      expect(entries.map((entry) => entry.phase)).toEqual(['intent', 'outcome'].slice(0, wanted));
      expect(new Set(entries.map((entry) => entry.execution_id))).toEqual(
        new Set([answer.body.execution_id]),
      );
    });

    it('answers a used key from the record, byte for byte', async () => {
      const headers = newKey();
      const first = await run(admin, headers);
      const second = await run(installation.at(admin, 1), headers);
      expect(second.headers.get('idempotent-replayed')).toBe('true');
      expect(second.status).toBe(first.status);
      expect(second.headers.get('content-type')).toBe(first.headers.get('content-type'));
      expect(second.bytes.equals(first.bytes)).toBe(true);
    });

    it('refuses a used key for anything else', async () => {
      const headers = newKey();
      const other = name === 'queue.resume' ? 'queue.pause' : 'queue.resume';
      await admin.action(other, { queue: 'inspector' }, { headers });
      const answer = await run(admin, headers);
      expect([answer.status, answer.body.error_code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
      await isOnRecord(installation, answer);
    });

    it('says so while the first one is running', async () => {
      const headers = newKey();
      await installation.database.query(
        `INSERT INTO executions (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, lease_until, trace_id)
       VALUES ($1, $2, 'act', $3, 'running', $4, $5, '{}', now() + interval '1 minute', 'test')`,
        [
          uuidv7(),
          name,
          adminId,
          headers['x-idempotency-key'],
          fingerprint({ action: name, payload: example }),
        ],
      );
      const answer = await run(admin, headers);
      expect([answer.status, answer.body.error_code]).toEqual([409, 'IDEMPOTENCY_IN_PROGRESS']);
      await isOnRecord(installation, answer);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    });

    if (action.dependsOn.length > 0)
      it.each(action.dependsOn)(
        'is refused while the circuit of %s is open, and its key stays free',
        async (dependency) => {
          const force = (state: 'open' | null) =>
            installation
              .get(RuntimeSettings)
              .update({ circuit_breaker: { forced: { [dependency]: state } } }, { authorId: adminId });
          const headers = newKey();
          await force('open');
          const refused = await run(admin, headers).finally(() => force(null));
          expect([refused.status, refused.body.error_code]).toEqual([503, 'CIRCUIT_OPEN']);
          expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
          // It was claimed before, and so has an intent.
          const entries = await auditOf(installation.database, refused.body.trace_id, 2);
          expect(entries).toMatchObject([
            { phase: 'intent', action: name, outcome: 'pending' },
            { phase: 'outcome', action: name, outcome: 'failed', status: 503, error_code: 'CIRCUIT_OPEN' },
          ]);
          const accepted = await run(admin, headers);
          expect(accepted.headers.get('idempotent-replayed')).toBeNull();
          expect(accepted.status).not.toBe(503);
        },
      );

    it('is limited', async () => {
      const { client } = await limited.user('admin');
      expect((await run(client)).status).not.toBe(429);
      const headers = newKey();
      const answer = await run(client, headers);
      expect([answer.status, answer.body.error_code]).toEqual([429, 'RATE_LIMITED']);
      await isOnRecord(limited, answer);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(answer.headers.get('ratelimit-policy')).toContain(`"${name}";q=1;w=60`);
      const [used] = await limited.database.query<{ n: number }>(
        'SELECT count(*) AS n FROM executions WHERE idempotency_key = $1',
        [headers['x-idempotency-key']],
      );
      expect(used?.n).toBe(0);
    });
  },
);

let installation: TestInstallation;
let limited: TestInstallation;
let admin: HttpClient;
/** Further admins, as they are needed. */
const others: HttpClient[] = [];
let adminId: string;

beforeAll(async () => {
  [installation, limited] = await Promise.all([
    startInstallation(),
    startInstallation({
      apis: 1,
      settings: {
        rate_limits: {
          ...TEST_SETTINGS.rate_limits,
          risk_read_per_minute: 1,
          risk_standard_per_minute: 1,
          risk_high_per_minute: 1,
          risk_critical_per_minute: 1,
        },
      },
    }),
  ]);
  const { user, client } = await installation.user('admin');
  adminId = user.id;
  admin = client;
});

// An action may have switched maintenance on; the next one must find the user API as it was.
afterEach(async () => {
  await saveSettings(installation.database);
});

afterAll(async () => {
  await installation?.close();
  await limited?.close();
});
