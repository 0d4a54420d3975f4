import type { PayloadScrubber } from '../../../pipeline/audit/payload-scrubber';
import type { SecurityEvents } from '../../../pipeline/audit/security-events';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { AppError } from '../../../platform/errors/app-error';
import type { Tx } from '../../../platform/postgres/db';
import type { SettingChange } from '../../../platform/settings/patch';
import type { RuntimeSettings } from '../../../platform/settings/runtime-settings';
import { Settings } from '../../../platform/settings/settings';
import type { AgentEditor } from '../agents/agent-editor';
import { SettingsEditor } from '../settings-editor';
import { SaveConfig, SaveConfigHandler } from './save-config.action';

function setUp(changes: SettingChange[], networks: Record<string, string[]> = {}) {
  const order: string[] = [];
  const settings = new Settings();
  settings.access.action_networks = networks;
  const asked: unknown[] = [];
  const save = (patch: object, author: object) => {
    if (Object.keys(patch).length > 0) asked.push([patch, author]);
    return Promise.resolve({ version: 4, settings, changes });
  };
  const agents = { refuseMissing: () => Promise.resolve() } as unknown as AgentEditor;
  const runtime = {
    plan: save,
    update: save,
    announce: (version: number) => Promise.resolve(void order.push(`announce ${version}`)),
  } as unknown as RuntimeSettings;
  const security = {
    record: ({ kind, message }: { kind: string; message: string }) =>
      Promise.resolve(void order.push(`${kind}: ${message}`)),
  } as unknown as SecurityEvents;
  const scrubber = {
    text: (text?: string) => text?.replace('hunter2', '[masked]') ?? null,
  } as PayloadScrubber;
  const context = {
    actor: { userId: 'u1' },
    ip: '192.0.2.7',
    traceId: 't1',
    transaction: async (work: (tx: Tx) => Promise<unknown>) => {
      const result = await work({} as Tx);
      order.push('commit');
      return result;
    },
  } as ActionContext;
  const payload = { settings: { uploads: { max_open_per_user: 5 } }, expected_version: 3, comment: 'why' };
  const command = Object.assign(new SaveConfig(), payload, { context });
  return {
    handler: new SaveConfigHandler(new SettingsEditor(runtime, security, scrubber), agents),
    command,
    order,
    asked,
    runtime,
  };
}

describe('config.save', () => {
  const uploads = { path: 'uploads.max_open_per_user', old: 20, new: 5 };

  it('saves with author, version and comment, and applies after the commit', async () => {
    const { handler, command, order, asked } = setUp([uploads]);
    expect(await handler.execute(command)).toEqual({ version: 4, changes: [uploads], needs_restart: [] });
    expect(asked).toEqual([
      [{ uploads: { max_open_per_user: 5 } }, { authorId: 'u1', comment: 'why', expectedVersion: 3 }],
    ]);
    expect(order).toEqual(['commit', 'announce 4']);
  });

  it('keeps no secret of the comment', async () => {
    const { handler, command, asked } = setUp([uploads]);
    await handler.execute(Object.assign(command, { comment: 'password: hunter2' }));
    expect(asked).toEqual([[expect.anything(), expect.objectContaining({ comment: 'password: [masked]' })]]);
  });

  it.each(['access.role_grants.operator', 'auth.lockout_failures', 'rate_limits.user_per_minute'])(
    'raises the alarm when %s changes',
    async (path) => {
      const { handler, command, order } = setUp([uploads, { path, old: 1, new: 2 }]);
      await handler.execute(command);
      expect(order.at(-1)).toBe(`access_settings_changed: Version 4 of the settings changed ${path}.`);
    },
  );

  it.each(['config.save', 'config.*', '*'])(
    'does not let somebody shut themselves out with networks of %s',
    async (pattern) => {
      const { handler, command, order } = setUp([uploads], { [pattern]: ['10.0.0.0/8'] });
      const refused = expect.objectContaining({
        code: 'VALIDATION_ERROR',
        details: [expect.objectContaining({ path: 'payload.settings.access.action_networks' })],
      });
      await expect(handler.execute(command)).rejects.toEqual(refused);
      await expect(handler.preview(command)).rejects.toEqual(refused);
      expect(order).toEqual([]);
    },
  );

  it('names wrong fields where the caller has them', async () => {
    const { handler, command, runtime } = setUp([]);
    runtime.update = () =>
      Promise.reject(
        new AppError('VALIDATION_ERROR', 'x', { details: [{ path: 'settings.a.b', message: 'is wrong' }] }),
      );
    await expect(handler.execute(command)).rejects.toMatchObject({
      details: [{ path: 'payload.settings.a.b', message: 'is wrong' }],
    });
  });

  it('tells beforehand what would change', async () => {
    const { handler, command, order } = setUp([uploads]);
    expect(await handler.preview(command)).toEqual({
      selection: [{ id: 'settings', state: '3' }],
      effects: [{ target: 'uploads.max_open_per_user', effect: 'becomes 5, is 20' }],
      warnings: [],
    });
    expect(order).toEqual([]);
  });
});
