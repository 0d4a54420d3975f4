import type { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { Settings } from '../../platform/settings/settings';
import { ExecutionTiming } from './timing';

/** Settings in force, and a way to change them. */
function settingsWith(leaseS: number): { settings: RuntimeSettings; change(leaseS: number): void } {
  let current = saying(leaseS);
  const listeners: ((settings: Settings) => void)[] = [];
  const settings = {
    current: () => current,
    onChange: (listener: (settings: Settings) => void) => listeners.push(listener),
  };
  return {
    settings: settings as unknown as RuntimeSettings,
    change: (seconds) => {
      current = saying(seconds);
      for (const listener of listeners) listener(current);
    },
  };
}

function saying(leaseS: number): Settings {
  return Object.assign(new Settings(), { executions: { lease_s: leaseS, operation_lease_s: leaseS + 1 } });
}

describe('leases of executions', () => {
  it('are as long as the settings say, from the start and after each change', () => {
    const { settings, change } = settingsWith(7);
    const timing = new ExecutionTiming(settings);
    timing.onModuleInit();
    expect([timing.leaseS, timing.operationLeaseS]).toEqual([7, 8]);
    change(60);
    expect([timing.leaseS, timing.operationLeaseS]).toEqual([60, 61]);
    expect(timing.renewEveryMs(timing.leaseS)).toBe(20_000);
  });
});
