import type { AuditEntry, Evidence } from '../evidence';
import type { Attempt, Order } from '../history';
import { check } from './check';

const JOB = 'job-1';
const EXECUTION = 'execution-1';

/** Evidence in which a client's order was done once, after a try that got no answer. */
interface Story {
  order: Order;
  lost: Attempt;
  done: Attempt;
  intent: AuditEntry;
  outcome: AuditEntry;
  evidence: Evidence;
}

function attempt(given: Partial<Attempt>): Attempt {
  return {
    trace: 'trace-1',
    key: 'key-1',
    api: 0,
    sentAt: 1_000,
    endedAt: 1_050,
    status: 200,
    code: null,
    replayed: false,
    body: '{"success":true}',
    executionId: EXECUTION,
    ...given,
  };
}

function entry(given: Partial<AuditEntry>): AuditEntry {
  return {
    seq: 1,
    at: 1_010,
    phase: 'intent',
    kind: 'act',
    outcome: 'pending',
    execution_id: EXECUTION,
    action: 'job.retry',
    error_code: null,
    trace_id: 'trace-1',
    count: 1,
    ...given,
  };
}

function story(): Story {
  const order: Order = {
    key: 'key-1',
    keyed: true,
    client: 0,
    action: 'job.retry',
    payload: {},
    options: {},
    effects: [{ what: 'attempt', target: JOB }],
    kind: 'act',
    refusals: ['INVALID_JOB_STATE'],
    openedAt: 1_000,
    closedAt: 1_200,
  };
  const lost = attempt({ status: null, body: null, executionId: null });
  const done = attempt({ trace: 'trace-2', sentAt: 1_100, endedAt: 1_200, replayed: true });
  const intent = entry({});
  const outcome = entry({ seq: 2, at: 1_030, phase: 'outcome', outcome: 'succeeded' });
  const evidence: Evidence = {
    orders: [order],
    attempts: [lost, done],
    faults: [],
    crashes: [],
    effects: [{ what: 'attempt', target: JOB, at: 1_020 }],
    audit: [intent, outcome],
    auditProblem: undefined,
    running: [],
    jobs: [{ id: JOB, status: 'queued', attempt: 2, active: 1 }],
    made: [JOB],
  };
  return { order, lost, done, intent, outcome, evidence };
}

/** The rules that a forged story breaks. */
function broken(forge: (story: Story) => Partial<Evidence>): string[] {
  const true_ = story();
  const forged = { ...true_.evidence, ...forge(true_) };
  return check(forged).violations.map(({ rule }) => rule);
}

describe('the checker', () => {
  it('finds nothing in a run in which nothing went wrong', () => {
    expect(broken(() => ({}))).toEqual([]);
  });

  it('names the order, and gives its case', () => {
    const { evidence, done } = story();
    const { violations, failing } = check({
      ...evidence,
      attempts: [...evidence.attempts, { ...done, body: '{}' }],
    });
    expect(violations).toMatchObject([{ rule: 'answers of success differ', key: 'key-1' }]);
    expect(failing.map(({ order }) => order.key)).toEqual(['key-1']);
  });

  it.each<[string, string, (story: Story) => Partial<Evidence>]>([
    [
      'an effect that happened twice',
      'an effect was doubled',
      ({ evidence }) => ({
        effects: [...evidence.effects, { what: 'attempt', target: JOB, at: 1_150 }],
        jobs: [{ id: JOB, status: 'queued', attempt: 3, active: 1 }],
      }),
    ],
    [
      'a success without an effect',
      'a success was lost',
      () => ({ effects: [], jobs: [{ id: JOB, status: 'failed', attempt: 1, active: 0 }] }),
    ],
    [
      'an operation that was accepted, is on record as done, and did nothing',
      'a success was lost',
      ({ lost, done }) => ({
        attempts: [lost, { ...done, status: 202 }],
        effects: [],
        jobs: [{ id: JOB, status: 'failed', attempt: 1, active: 0 }],
      }),
    ],
    [
      'answers that differ',
      'answers of success differ',
      ({ evidence, done }) => ({ attempts: [...evidence.attempts, { ...done, body: '{"success":true} ' }] }),
    ],
    [
      'a refusal after a success',
      'success and refusal contradict each other',
      ({ evidence, done }) => ({
        attempts: [...evidence.attempts, { ...done, status: 409, code: 'INVALID_JOB_STATE' }],
      }),
    ],
    [
      'an effect after which only a refusal came',
      'an effect was refused',
      ({ lost, done }) => ({ attempts: [lost, { ...done, status: 409, code: 'INVALID_JOB_STATE' }] }),
    ],
    [
      'an answer that nobody should get',
      'an answer was not to be expected',
      ({ evidence, done }) => ({
        attempts: [...evidence.attempts, { ...done, status: 500, code: 'INTERNAL_ERROR' }],
      }),
    ],
    [
      'a refusal for the moment that is given for good',
      'an answer was not to be expected',
      ({ lost, done }) => ({ attempts: [lost, { ...done, status: 503, code: 'SERVICE_UNAVAILABLE' }] }),
    ],
    [
      'somebody let through who is to be refused',
      'an answer was not to be expected',
      ({ order }) => ({ orders: [{ ...order, kind: 'denial' }] }),
    ],
    [
      'a client without an answer',
      'a client never got an answer',
      ({ order, lost }) => ({ orders: [{ ...order, closedAt: null }], attempts: [lost] }),
    ],
    [
      'an effect before its intent',
      'an effect came before its intent',
      ({ evidence }) => ({ effects: evidence.effects.map((effect) => ({ ...effect, at: 1_001 })) }),
    ],
    ['an effect without any intent', 'an effect came before its intent', () => ({ audit: [] })],
    [
      'an effect on record as failed',
      'an effect has no outcome that says so',
      ({ intent, outcome }) => ({ audit: [intent, { ...outcome, outcome: 'failed' }] }),
    ],
    [
      'a success on record as unknown',
      'a success is not on record',
      ({ intent, outcome }) => ({ audit: [intent, { ...outcome, outcome: 'unknown' }] }),
    ],
    [
      'two executions of one key that succeeded',
      'success is on record twice',
      ({ intent, outcome, evidence }) => ({
        audit: [
          ...evidence.audit,
          { ...intent, seq: 3, at: 1_040, execution_id: 'execution-2', trace_id: 'trace-2' },
          { ...outcome, seq: 4, at: 1_041, execution_id: 'execution-2', trace_id: 'trace-2' },
        ],
      }),
    ],
    ['an intent without an outcome', 'an intent has no outcome', ({ intent }) => ({ audit: [intent] })],
    [
      'two intents with one outcome',
      'an intent has no outcome',
      ({ intent, outcome }) => ({ audit: [intent, { ...intent, seq: 2 }, { ...outcome, seq: 3 }] }),
    ],
    [
      'an effect that nobody asked for',
      'an effect that nobody asked for',
      ({ evidence }) => ({
        effects: [...evidence.effects, { what: 'paused', target: 'packager', at: 1_100 }],
      }),
    ],
    [
      'an effect that was asked for, but comes when that is long over',
      'an effect that nobody asked for',
      ({ order, evidence }) => {
        const pause = { ...order, effects: [{ what: 'paused' as const, target: 'packager' }] };
        return {
          orders: [
            { ...pause, key: 'key-1' },
            { ...pause, key: 'key-3', openedAt: 3_000, closedAt: 3_100 },
          ],
          effects: [
            ...evidence.effects,
            { what: 'paused', target: 'packager', at: 1_100 },
            { what: 'paused', target: 'packager', at: 2_000 },
          ],
        };
      },
    ],
    ['an execution that still runs', 'an execution was left running', () => ({ running: [EXECUTION] })],
    ['a job that is gone', 'a job was lost or made up', () => ({ jobs: [] })],
    ['a job that nobody made', 'a job was lost or made up', () => ({ made: [] })],
    [
      'a job that waits for nothing',
      'a job and its steps contradict each other',
      () => ({ jobs: [{ id: JOB, status: 'queued', attempt: 2, active: 0 }] }),
    ],
    [
      'an attempt that the ledger did not see',
      'the attempts of a job do not add up',
      () => ({ jobs: [{ id: JOB, status: 'queued', attempt: 3, active: 1 }] }),
    ],
    [
      'an outcome that is older than its intent',
      'the audit is out of order',
      ({ intent, outcome }) => ({ audit: [intent, { ...outcome, at: 1_005 }] }),
    ],
    [
      'an entry that is much older than one before it',
      'the audit is out of order',
      ({ evidence, intent }) => ({
        audit: [...evidence.audit, { ...intent, seq: 3, at: -5_000, execution_id: null, phase: 'denial' }],
      }),
    ],
    ['an audit that does not verify', 'the audit does not verify', () => ({ auditProblem: 'ended with 1' })],
    [
      'a denial that is not on record',
      'denials are missing from the audit',
      ({ order, evidence, done }) => ({
        orders: [
          ...evidence.orders,
          { ...order, key: 'key-2', kind: 'denial', refusals: ['FORBIDDEN'], effects: [] },
        ],
        attempts: [
          ...evidence.attempts,
          { ...done, key: 'key-2', trace: 'x', status: 403, code: 'FORBIDDEN' },
        ],
      }),
    ],
    [
      'a process that crashed',
      'a process ended by itself',
      () => ({ crashes: [{ name: 'api 1', end: '1', tail: 'TypeError' }] }),
    ],
  ])('finds %s', (_what, rule, forge) => {
    expect(broken(forge)).toContain(rule);
  });

  it('forgives a denial in the memory of a process that was killed just then', () => {
    const rules = broken(({ order, evidence, done }) => ({
      orders: [
        ...evidence.orders,
        { ...order, key: 'key-2', kind: 'denial', refusals: ['FORBIDDEN'], effects: [] },
      ],
      attempts: [...evidence.attempts, { ...done, key: 'key-2', trace: 'x', status: 403, code: 'FORBIDDEN' }],
      faults: [{ kind: 'kill -9 of an api', detail: 'api 1', at: 1_201, undoneAt: 1_210 }],
    }));
    expect(rules).toEqual([]);
  });

  it('accepts that a second try finds done what the first left unknown', () => {
    const rules = broken(({ lost, done, intent, outcome }) => ({
      attempts: [lost, { ...done, status: 409, code: 'INVALID_JOB_STATE' }],
      audit: [
        intent,
        { ...outcome, outcome: 'unknown' },
        { ...intent, seq: 3, at: 1_101, trace_id: 'trace-2' },
        { ...outcome, seq: 4, at: 1_102, outcome: 'failed' },
      ],
    }));
    expect(rules).toEqual([]);
  });
});
