import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Tx } from '../../../platform/postgres/db';
import type { RuntimeSettings, SettingsChange } from '../../../platform/settings/runtime-settings';
import { Settings } from '../../../platform/settings/settings';
import { ToggleMaintenance, ToggleMaintenanceHandler } from './toggle-maintenance.action';

/** @param known what this process has heard of, if that is not the newest */
function setUp(enabled: boolean, known = enabled) {
  const newest = Object.assign(new Settings(), { maintenance: { enabled, message: null, until: null } });
  let current = Object.assign(new Settings(), {
    maintenance: { enabled: known, message: null, until: null },
  });
  const saved: unknown[] = [];
  const order: string[] = [];
  const settings = {
    current: () => current,
    catchUp: () => {
      current = newest;
      return Promise.resolve(6);
    },
    update: async (change: SettingsChange, by: object) => {
      await Promise.resolve();
      const patch = typeof change === 'function' ? change(newest) : change;
      saved.push([patch, by]);
      return { version: 7, settings: { ...newest, ...patch } };
    },
    announce: (version: number) => {
      order.push(`announce ${version}`);
      return Promise.resolve();
    },
  } as unknown as RuntimeSettings;
  const context = {
    actor: { userId: 'u1' },
    reason: 'an upgrade',
    transaction: async (work: (tx: Tx) => Promise<unknown>) => {
      const result = await work({} as Tx);
      order.push('commit');
      return result;
    },
  } as ActionContext;
  const command = (payload: Partial<ToggleMaintenance>, more: Partial<ActionContext> = {}) =>
    Object.assign(new ToggleMaintenance(), payload, { context: { ...context, ...more } });
  return { saved, order, command, handler: new ToggleMaintenanceHandler(settings) };
}

describe('system.maintenance_mode_toggle', () => {
  it('switches, with author and reason, and tells every process after the commit', async () => {
    const { handler, command, saved, order } = setUp(false);
    const state = await handler.execute(command({ enabled: true, message: 'Back at ten.' }));
    expect(state).toEqual({
      enabled: true,
      message: 'Back at ten.',
      until: null,
      changed: true,
      settings_version: 7,
    });
    expect(saved).toEqual([
      [
        { maintenance: { enabled: true, message: 'Back at ten.', until: null } },
        { authorId: 'u1', comment: 'an upgrade' },
      ],
    ]);
    expect(order).toEqual(['commit', 'announce 7']);
  });

  it.each([true, false])('becomes the opposite of %s when it is not told what', async (before) => {
    const { handler, command } = setUp(before);
    expect(await handler.execute(command({}))).toMatchObject({ enabled: !before, changed: true });
  });

  it('goes by the newest state, of which this process may not have heard yet', async () => {
    const { handler, command } = setUp(true, false);
    expect(await handler.execute(command({}))).toMatchObject({ enabled: false, changed: true });
    const selection = [{ id: 'user-api', state: 'open' }];
    await expect(handler.execute(command({}, { selection }))).rejects.toMatchObject({ code: 'CONFLICT' });
    const late = setUp(true, false);
    expect((await late.handler.preview(late.command({}))).selection).toEqual([
      { id: 'user-api', state: 'closed' },
    ]);
  });

  it('says when nothing changed', async () => {
    const { handler, command } = setUp(true);
    expect(await handler.execute(command({ enabled: true }))).toMatchObject({ changed: false });
  });

  it('previews without saving', async () => {
    const { handler, command, saved } = setUp(true);
    const preview = await handler.preview(command({ enabled: true }));
    expect(preview.selection).toEqual([{ id: 'user-api', state: 'closed' }]);
    expect(preview.warnings).toHaveLength(1);
    expect(saved).toEqual([]);
  });

  it('does nothing when it was switched since the preview', async () => {
    const { handler, command, saved } = setUp(true);
    const selection = [{ id: 'user-api', state: 'open' }];
    await expect(handler.execute(command({ enabled: true }, { selection }))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    expect(saved).toEqual([]);
  });
});
