import { v7 as uuidv7 } from 'uuid';
import { ticketId } from '../../src/media/flow/queues/bull-queue';
import { type EntryStep, StepEntries, type Walk } from '../../src/media/flow/queues/step-entries';
import { StepQueues } from '../../src/media/flow/queues/step-queues';
import { FlowModule } from '../../src/media/flow/flow.module';
import { bootModules, type TestApp } from '../support/app';

let test: TestApp;
let entries: StepEntries;
let queues: StepQueues;
const AGENT = 'packager';

beforeAll(async () => {
  test = await bootModules([FlowModule]);
  entries = test.get(StepEntries);
  queues = test.get(StepQueues);
});
afterEach(async () => {
  const keys = await test.redis.client.keys(`${queues.get(AGENT).toKey('')}*`);
  if (keys.length > 0) await test.redis.client.del(keys);
});
afterAll(() => test?.close());

const step = (priority: number, delayMs = 0): EntryStep => ({
  id: uuidv7(),
  job_id: uuidv7(),
  agent: AGENT,
  attempt: 0,
  priority,
  not_before: new Date(Date.now() + delayMs),
});
const idOf = (of: EntryStep) => ticketId(of.id, of.attempt + 1);
const key = (name: string) => queues.get(AGENT).toKey(name);
/** The ids that wait, the first to go out first. */
const waiting = async (list = 'wait') => (await test.redis.client.lrange(key(list), 0, -1)).reverse();
const inOrder = (steps: EntryStep[]) => [...steps].sort((a, b) => a.priority - b.priority).map(idOf);

/** Numbers that are the same for a seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('the entries of steps', () => {
  it('are what Bull itself would have made', async () => {
    const [ours, theirs] = [step(3), step(3)];
    await entries.add([ours]);
    const data = { step_id: theirs.id, job_id: theirs.job_id, attempt: 1 };
    await queues.get(AGENT).add('step', data, { jobId: idOf(theirs), priority: 3 });
    const [a, b] = await Promise.all([ours, theirs].map((one) => test.redis.client.hgetall(key(idOf(one)))));
    expect(Object.keys(a ?? {}).sort()).toEqual(Object.keys(b ?? {}).sort());
    const optionNames = (of?: Record<string, string>) =>
      Object.keys(JSON.parse(of?.['opts'] ?? '') as object);
    expect(optionNames(a).sort()).toEqual(optionNames(b).sort());
    const first = await queues.get(AGENT).moveToActive();
    expect(first).toMatchObject({
      id: idOf(ours),
      data: { step_id: ours.id, job_id: ours.job_id, attempt: 1 },
    });
    expect((await queues.get(AGENT).moveToActive())?.id).toBe(idOf(theirs));
  });

  it('wait by priority and then by age, in whatever portions they come and wherever they must go', async () => {
    const all: EntryStep[] = [];
    for (const priorities of [[5], [5, 5, 1], [10, 9, 5], [3, 3, 1, 7], [9], [4, 4, 4, 4, 10, 1]]) {
      const part = priorities.map((priority) => step(priority));
      await entries.add(part);
      all.push(...part);
      expect(await waiting()).toEqual(inOrder(all));
    }
    // Many at once before few, and one before many.
    const many = Array.from({ length: 400 }, () => step(6));
    await entries.add(many);
    await entries.add([step(5)].map((one) => (all.push(one), one)));
    expect(await waiting()).toEqual(inOrder([...all, ...many]));
  });

  it('are put off until they are due', async () => {
    const late = [step(5, 60_000), step(1, 120_000)];
    await entries.add(late);
    expect(await test.redis.client.zrange(key('delayed'), 0, -1)).toEqual(late.map(idOf));
    expect((await queues.counts())[AGENT]).toMatchObject({ waiting: 0, delayed: 2 });
    await entries.reprioritise([{ ...(late[0] as EntryStep), priority: 2 }]);
    expect(await test.redis.client.hget(key(idOf(late[0] as EntryStep)), 'priority')).toBe('2');
    expect(await entries.remove(late)).toBe(2);
    expect(await test.redis.client.keys(`${key('')}*-1`)).toEqual([]);
  });

  it('are removed as chosen, from any part of a long queue, and the others keep their order', async () => {
    const all = Array.from({ length: 9_500 }, (_, i) => step(1 + (i % 3)));
    await entries.add(all);
    const chosen = new Set(all.filter((_, i) => i % 7 === 0 || (i > 4_000 && i < 6_000)));
    const walk: Walk = new Map();
    const list = [...chosen];
    let removed = 0;
    for (let from = 0; from < list.length; from += 700)
      removed += await entries.remove(list.slice(from, from + 700), walk);
    expect(removed).toBe(chosen.size);
    const rest = all.filter((one) => !chosen.has(one));
    expect(await waiting()).toEqual(inOrder(rest));
    expect(await test.redis.client.zcard(key('priority'))).toBe(rest.length);
    expect(await test.redis.client.exists(idOf(list[0] as EntryStep))).toBe(0);
    expect(await entries.remove(list)).toBe(0);
  });

  it('that are taken stay taken', async () => {
    const [first, second] = [step(1), step(2)];
    await entries.add([first, second]);
    await queues.get(AGENT).moveToActive();
    expect(await entries.remove([first])).toBe(0);
    expect(await entries.reprioritise([{ ...first, priority: 9 }])).toBe(0);
    expect(await test.redis.client.lrange(key('active'), 0, -1)).toEqual([idOf(first)]);
    expect(await waiting()).toEqual([idOf(second)]);
  });

  it('that are lost or misplaced are found, and nothing else', async () => {
    const steps = [step(5), step(5), step(5)] as [EntryStep, EntryStep, EntryStep];
    await entries.add(steps.slice(0, 2));
    const urgent = { ...steps[1], priority: 1 };
    expect(await entries.compare([steps[0], urgent, steps[2]])).toEqual({
      missing: [steps[2]],
      misplaced: [urgent],
    });
    await entries.reprioritise([urgent]);
    expect(await waiting()).toEqual([urgent, steps[0]].map(idOf));
  });

  it('that are put off for a time which has come are let in, by their priority', async () => {
    const [first, late, last] = [step(1), step(5, 3_600_000), step(9)] as [EntryStep, EntryStep, EntryStep];
    await entries.add([first, late, last]);
    expect(await waiting()).toEqual([first, last].map(idOf));
    expect(await entries.compare([first, late, last])).toEqual({ missing: [], misplaced: [late] });
    expect(await entries.reprioritise([late], { due: true })).toBe(1);
    expect(await waiting()).toEqual([first, late, last].map(idOf));
    expect(await test.redis.client.zcard(key('delayed'))).toBe(0);
    expect(await entries.compare([first, late, last])).toEqual({ missing: [], misplaced: [] });
    expect(await entries.reprioritise([late], { due: true })).toBe(1);
    for (const one of [first, late, last])
      expect((await queues.get(AGENT).moveToActive())?.id).toBe(idOf(one));
  });

  const SEED = Number(process.env['SEED'] ?? 20_261_125);
  it(`wait in the same order however many are on either side of them (SEED=${SEED})`, async () => {
    const random = numbers(SEED);
    const SIZES = [1, 40, 200];
    for (const ahead of SIZES)
      for (const behind of SIZES)
        for (const added of [1, 60]) {
          const parts = [
            Array.from({ length: behind }, () => step(6 + random(5))),
            Array.from({ length: ahead }, () => step(1 + random(5))),
            Array.from({ length: added }, () => step(5)),
          ];
          for (const part of parts) await entries.add(part);
          expect(await waiting()).toEqual(inOrder(parts.flat()));
          await test.redis.client.del(key('wait'), key('priority'));
        }
  });

  it(`are never lost nor doubled, whatever is done to them in whatever order (SEED=${SEED})`, async () => {
    const random = numbers(SEED);
    const queue = queues.get(AGENT);
    const model: EntryStep[] = [];
    const active: string[] = [];
    let paused = false;
    const pick = (count: number) =>
      Array.from({ length: Math.min(count, model.length) }, () => model[random(model.length)] as EntryStep);
    for (let round = 0; round < 200; round += 1) {
      const kind = random(6);
      if (kind <= 1) {
        const some = Array.from({ length: 1 + random(30) }, () => step(1 + random(10)));
        await entries.add(some);
        model.push(...some);
      } else if (kind === 2) {
        const moved = new Map(pick(3).map((one) => [one.id, { ...one, priority: 1 + random(10) }]));
        await entries.reprioritise([...moved.values()]);
        for (const one of moved.values())
          model.splice(
            model.findIndex((other) => other.id === one.id),
            1,
            one,
          );
      } else if (kind === 3) {
        const gone = new Set(pick(1 + random(20)));
        expect(await entries.remove([...gone])).toBe(gone.size);
        for (const one of gone) model.splice(model.indexOf(one), 1);
      } else if (kind === 4) {
        const taken = await queue.moveToActive();
        if (paused || model.length === 0) expect(taken).toBeFalsy();
        else {
          const most = Math.min(...model.map((one) => one.priority));
          const at = model.findIndex((one) => idOf(one) === taken?.id);
          expect(model[at]?.priority).toBe(most);
          active.push(idOf(model[at] as EntryStep));
          model.splice(at, 1);
        }
      } else {
        paused = !paused;
        await queues.setPaused(AGENT, paused);
      }
      const list = await waiting(paused ? 'paused' : 'wait');
      expect([...list].sort()).toEqual(model.map(idOf).sort());
      const priorities = new Map(model.map((one) => [idOf(one), one.priority]));
      const order = list.map((id) => priorities.get(id) ?? 0);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    expect((await test.redis.client.lrange(key('active'), 0, -1)).sort()).toEqual(active.sort());
    expect(await test.redis.client.zcard(key('priority'))).toBe(model.length);
  });
});
