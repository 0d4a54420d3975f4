import { v7 as uuidv7 } from 'uuid';
import { Catalogue } from '../../src/pipeline/catalogue/catalogue';
import type { CatalogueEntry } from '../../src/pipeline/catalogue/catalogue-entry';
import { fieldNames } from '../../src/pipeline/catalogue/fields';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { ROLES, type Role } from '../../src/platform/security/roles';
import type { Answer, HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf, failedJob, newKey, waitingJob } from '../support/pipeline';

/**
 * The contract, written by hand: who may run which action on everything. A new action is added here by whoever
 * decides about it; the declarations in the code are what is tested.
 */
const MAY: Record<string, Role[]> = {
  'config.add_agent': ['admin', 'operator'],
  'config.add_user': ['admin'],
  'config.configure_agent': ['admin', 'operator'],
  'config.list_users': ['admin', 'operator', 'supervisor', 'readonly'],
  'config.remove_agent': ['admin'],
  'config.save': ['admin'],
  'config.unlock_user': ['admin', 'operator'],
  'config.update_user': ['admin'],
  'dashboard.export_daily_report': ['admin', 'operator', 'supervisor', 'readonly'],
  'dashboard.queue_purge': ['admin', 'operator'],
  'dashboard.restart_failed_jobs': ['admin', 'operator'],
  'job.bulk_cancel': ['admin', 'operator'],
  'job.bulk_retry': ['admin', 'operator'],
  'job.cancel': ['admin', 'operator', 'supervisor'],
  'job.delete': ['admin'],
  'job.export': ['admin', 'operator', 'supervisor', 'readonly'],
  'job.priority': ['admin', 'operator', 'supervisor'],
  'job.retry': ['admin', 'operator', 'supervisor'],
  'logs.export_audit': ['admin', 'supervisor'],
  'logs.search_audit': ['admin', 'supervisor', 'readonly'],
  'logs.stream_realtime': ['admin', 'operator', 'supervisor', 'readonly'],
  'logs.verify_audit': ['admin', 'supervisor'],
  'queue.clear': ['admin'],
  'queue.drain': ['admin', 'operator'],
  'queue.pause': ['admin', 'operator'],
  'queue.purge': ['admin', 'operator'],
  'queue.resume': ['admin', 'operator'],
  // Everybody may stop what they have started themselves; of anybody else's operation the others hear that it is not there.
  'system.abort_operation': ['admin', 'operator', 'supervisor', 'readonly', 'user'],
  'system.health_check': ['admin', 'operator', 'supervisor', 'readonly'],
  'system.maintenance_mode_toggle': ['admin'],
  'worker.configure': ['admin', 'operator'],
  'worker.create_generic': ['admin', 'operator'],
  'worker.restart_all': ['admin', 'operator'],
  'worker.scale_down': ['admin', 'operator'],
  'worker.scale_up': ['admin', 'operator'],
  'worker.spawn_new': ['admin', 'operator'],
};

/** And what each role gets for cancelling or retrying a job over the user API. */
const ON_JOBS: Record<Role, { own: number; another: number }> = {
  admin: { own: 200, another: 404 },
  operator: { own: 200, another: 404 },
  supervisor: { own: 200, another: 404 },
  readonly: { own: 403, another: 403 },
  user: { own: 200, another: 404 },
};

let installation: TestInstallation;
let owner: string;
const people = new Map<Role, { id: string; client: HttpClient }>();

beforeAll(async () => {
  installation = await startInstallation();
  for (const role of ROLES) {
    const { user, client } = await installation.user(role);
    people.set(role, { id: user.id, client });
  }
  owner = (await installation.user('user')).user.id;
  // Nothing is to take the waiting jobs of these tests.
  await installation.get(QueueAdmin).pause('all');
});
afterAll(() => installation?.close());

const person = (role: Role) => {
  const found = people.get(role);
  if (!found) throw new Error(`nobody is ${role}`);
  return found;
};

describe('the permission for an action', () => {
  it('is decided for every action that there is', () => {
    const names = installation
      .get(Catalogue)
      .all()
      .map((action) => action.name);
    expect(names).toEqual(Object.keys(MAY).sort());
  });

  it.each(Object.entries(MAY))('%s is held by %j and nobody else', async (name, roles) => {
    const entry = installation.get(Catalogue).find(name);
    if (!entry) throw new Error(`There is no action ${name}`);
    // As a preview where there is one: who may do it may see what it would do.
    const options = entry.previews ? { dry_run: true } : {};
    for (const role of ROLES) {
      const answer = await installation
        .at(person(role).client, ROLES.indexOf(role) % 2)
        .action(name, entry.example, { options, headers: newKey() });
      expect([role, answer.body.error_code === 'FORBIDDEN', answer.status === 403]).toEqual([
        role,
        !roles.includes(role),
        !roles.includes(role),
      ]);
    }
  });
});

describe('an action on what is theirs', () => {
  /** As a route of the user API would run it, whether there is one yet or not. */
  async function runAsOwner(entry: CatalogueEntry, payload: object, options: object) {
    const { id } = person('user');
    const answer = await installation.get(ActionRunner).run(entry.name, payload, {
      actor: { userId: id, email: 'user@example.test', role: 'user', sessionId: uuidv7() },
      origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: null },
      rawHeaders: [],
      options,
      bodyErrors: [],
      scope: 'own',
      startedAt: performance.now(),
    });
    const { error_code } = JSON.parse(answer.body.toString()) as { error_code?: string };
    return [answer.status, error_code];
  }
  const stateOf = (id: string) =>
    installation.database.query(
      `SELECT j.*, (SELECT jsonb_agg(s ORDER BY s.id) FROM steps s WHERE s.job_id = j.id) AS steps
         FROM jobs j WHERE j.id = $1`,
      [id],
    );

  it('finds nothing of others, whatever it is told, and leaves that alone', async () => {
    const entries = installation
      .get(Catalogue)
      .all()
      .filter((entry) => entry.ownScope);
    expect(entries.map(({ name }) => name)).toContain('job.delete');
    for (const entry of entries) {
      const payloads = [entry.example];
      if (fieldNames(entry.command).has('force')) payloads.push({ ...entry.example, force: true });
      for (const make of [waitingJob, failedJob])
        for (const payload of payloads)
          for (const options of entry.previews ? [{ dry_run: true }, {}] : [{}]) {
            const theirs = await make(installation.database, owner);
            const before = await stateOf(theirs);
            const what = [entry.name, payload, options];
            expect([what, await runAsOwner(entry, { ...payload, job_id: theirs }, options)]).toEqual([
              what,
              [404, 'JOB_NOT_FOUND'],
            ]);
            expect([what, await stateOf(theirs)]).toEqual([what, before]);
            const own = { ...payload, job_id: await make(installation.database, person('user').id) };
            expect([what, (await runAsOwner(entry, own, options))[1]]).not.toEqual([what, 'JOB_NOT_FOUND']);
          }
    }
  });
});

describe.each(['cancel', 'retry'])('%s over the user API', (verb) => {
  const jobOf = (userId: string) =>
    (verb === 'cancel' ? waitingJob : failedJob)(installation.database, userId);
  const run = (client: HttpClient, id: string) => client.post(`/api/jobs/${id}/${verb}`);
  const statusOf = async (id: string) =>
    (await installation.database.query<{ status: string }>('SELECT status FROM jobs WHERE id = $1', [id]))[0]
      ?.status;
  const refusal = ({ status, body }: Answer) => ({
    status,
    code: body.error_code,
    error: body.error,
    details: body.details,
    keys: Object.keys(body).sort(),
  });

  it.each(ROLES)('as %s: works on what is theirs, and tells nothing about what is not', async (role) => {
    const { id, client } = person(role);
    const own = await run(client, await jobOf(id));
    expect(own.status).toBe(ON_JOBS[role].own);
    const foreignJob = await jobOf(owner);
    const before = await statusOf(foreignJob);
    const another = await run(client, foreignJob);
    expect(another.status).toBe(ON_JOBS[role].another);
    expect(refusal(another)).toEqual(refusal(await run(client, uuidv7())));
    expect(await statusOf(foreignJob)).toBe(before);
    if (another.status !== 404) return;
    expect(await auditOf(installation.database, another.body.trace_id, 2)).toMatchObject([
      { phase: 'intent', action: `job.${verb}`, actor_id: id, payload: { job_id: foreignJob } },
      { phase: 'outcome', status: 404, error_code: 'JOB_NOT_FOUND' },
    ]);
  });
});
