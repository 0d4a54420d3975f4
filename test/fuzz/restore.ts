import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import type { TestInstallation } from '../support/installation';
import { saveSettings } from '../support/users';
import type { Operation } from './document';

/** Undoes what an action may have done to all others, such as maintenance: the settings are those of the tests. */
export async function restoreSettings(installation: TestInstallation, { action }: Operation): Promise<void> {
  if (!action || action.risk === 'read') return;
  await saveSettings(installation.database);
  const [row] = await installation.database.query<{ version: number }>(
    'SELECT max(version) AS version FROM settings_versions',
  );
  await installation.get(RuntimeSettings).announce(row?.version ?? 0);
}
