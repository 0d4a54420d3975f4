import { Logger } from '@nestjs/common';
import type { AgentRegistry } from '../media/flow/agent-registry';
import type { RuntimeSettings } from '../platform/settings/runtime-settings';
import { Settings } from '../platform/settings/settings';
import { SECTIONS } from './document';
import { HeldSnapshot } from './held-snapshot';
import { SnapshotBuilder } from './snapshot-builder';
import type { SnapshotDto } from './snapshot.dto';

const NAMES = ['jobs', 'workers', 'queue', 'analytics', 'logs', 'managers', 'services', 'system'];

/** A builder whose collectors fail, but for those that are given. */
function builderWith(collected: Record<string, object>, maxStaleS: number): SnapshotBuilder {
  const collectors = NAMES.map((name) => ({
    name,
    collect: () =>
      collected[name] ? Promise.resolve(collected[name]) : Promise.reject(new Error(`no ${name}`)),
  }));
  const settings = new Settings();
  settings.read_model.max_stale_s = maxStaleS;
  const agents = { current: () => ({ nodes: [] }) } as unknown as AgentRegistry;
  const all = [...collectors, agents, { current: () => settings } as RuntimeSettings];
  return Reflect.construct(SnapshotBuilder, all) as SnapshotBuilder;
}

function previous(ageS: number): SnapshotDto {
  const asOf = new Date(Date.now() - ageS * 1000);
  const meta = { as_of: asOf, stale: false, hash: 'x' };
  return {
    version: 1,
    as_of: asOf,
    sections: Object.fromEntries(SECTIONS.map((name) => [name, meta])),
    ...Object.fromEntries(SECTIONS.map((name) => [name, { was: name, agents: [], queues: [] }])),
  } as unknown as SnapshotDto;
}

describe('SnapshotBuilder, when nothing can be read', () => {
  beforeAll(() => {
    Logger.overrideLogger(false);
  });

  it('keeps what there was, marked stale, with its age', async () => {
    const before = previous(20);
    const after = await builderWith({}, 30).build(2, before);
    expect(after.stale).toBe(true);
    for (const name of SECTIONS) {
      expect(after[name]).toMatchObject({ was: name });
      expect(after.sections[name]).toMatchObject({ stale: true, as_of: before.as_of });
    }
  });

  it('gives it up when that is older than the settings allow', async () => {
    const after = await builderWith({}, 30).build(2, previous(31));
    for (const name of SECTIONS) expect(after[name]).toBeNull();
    const held = new HeldSnapshot(after, 'cache', 0, { at: 0, busSession: undefined });
    expect(held.empty).toBe(true);
  });

  it('has what can be read all the same', async () => {
    const logs = { levels_1h: {}, recent: [] };
    const after = await builderWith({ logs }, 30).build(2, previous(31));
    expect([after.logs, after.sections['logs']?.stale, after.queue]).toEqual([logs, false, null]);
    expect(new HeldSnapshot(after, 'cache', 0, { at: 0, busSession: undefined }).empty).toBe(false);
  });
});
