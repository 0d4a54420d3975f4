import { AgentError } from '../agent-error';

type Settings = Record<string, unknown>;

/** What is wrong with a setting; one in an object is named with a dot. @param wanted what it must be */
export function invalid(name: string, wanted: string): AgentError {
  const setting = name.split('.');
  return new AgentError('INVALID_SETTING', `The setting ${name} must be ${wanted}.`, {
    retryable: false,
    setting,
  });
}

/** The settings of an agent. */
export interface AgentSettings<T> {
  /** Every setting, with what holds unless it is told otherwise. */
  readonly defaults: Readonly<Settings>;
  /** Says what is wrong with settings before anything runs. @throws AgentError INVALID_SETTING */
  check(this: void, settings: Settings): void;
  /** What a run goes by, and `params`, the settings that say so. @throws AgentError INVALID_SETTING */
  of(this: void, run: { readonly settings: Settings }): { params: Settings; rules: T };
}

/**
 * Declares the settings of an agent. What a run goes by comes from the function that checks them: none can be used that
 * was not refused, out of its bounds, when the graph or the job was made.
 *
 * @param read reads all of them; those that are not given have their defaults. Throws AgentError INVALID_SETTING
 */
export function agentSettings<T>(
  defaults: Readonly<Settings>,
  read: (settings: Settings) => T,
): AgentSettings<T> {
  return {
    defaults,
    check: (settings) => {
      refuseUnknown(defaults, settings);
      read(withDefaults(defaults, settings));
    },
    of: ({ settings }) => {
      const params = withDefaults(defaults, settings);
      return { params, rules: read(params) };
    },
  };
}

/** Keys that an object among the settings does not have; one that is empty unless told takes any. */
function refuseUnknown(defaults: Readonly<Settings>, settings: Settings): void {
  for (const [name, fallback] of Object.entries(defaults)) {
    const given = settings[name];
    if (!isObject(fallback) || !isObject(given)) continue;
    const known = Object.keys(fallback);
    const unknown = Object.keys(given).find((key) => known.length > 0 && !known.includes(key));
    if (unknown !== undefined)
      throw new AgentError('INVALID_SETTING', `The setting ${name} has no ${unknown}.`, {
        retryable: false,
        setting: [name, unknown],
      });
  }
}

/**
 * Overlays an agent's defaults with the settings of a run; only keys that the agent knows are taken.
 * A nested object (such as the selector's weights) is overlaid key by key.
 */
export function withDefaults(defaults: Readonly<Settings>, settings: Settings): Settings {
  return Object.fromEntries(
    Object.entries(defaults).map(([key, fallback]) => {
      const given = Object.hasOwn(settings, key) ? settings[key] : undefined;
      if (given === undefined) return [key, fallback];
      if (isObject(fallback) && isObject(given)) return [key, withDefaults(fallback, given)];
      return [key, given];
    }),
  );
}

function isObject(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number from `min` to `max`. @throws AgentError INVALID_SETTING */
export function numberSetting(settings: Settings, name: string, min: number, max: number): number {
  const value = settings[name];
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw invalid(name, `a number from ${min} to ${max}`);
  return value;
}

/** A whole number from `min` to `max`. @throws AgentError INVALID_SETTING */
export function wholeSetting(settings: Settings, name: string, min: number, max: number): number {
  const value = numberSetting(settings, name, min, max);
  if (!Number.isInteger(value)) throw invalid(name, `a whole number from ${min} to ${max}`);
  return value;
}

/** true or false. @throws AgentError INVALID_SETTING */
export function flagSetting(settings: Settings, name: string): boolean {
  const value = settings[name];
  if (typeof value !== 'boolean') throw invalid(name, 'true or false');
  return value;
}

/** One of a closed list. @throws AgentError INVALID_SETTING */
export function choiceSetting<T extends string>(settings: Settings, name: string, choices: readonly T[]): T {
  const value = choices.find((choice) => choice === settings[name]);
  if (value === undefined) throw invalid(name, `one of ${choices.join(', ')}`);
  return value;
}

/** Some of a closed list, at least one, in the list's order. @throws AgentError INVALID_SETTING */
export function choicesSetting<T extends string>(
  settings: Settings,
  name: string,
  choices: readonly T[],
): T[] {
  const value = settings[name];
  const wrong =
    !Array.isArray(value) || value.length === 0 || value.some((one) => !choices.includes(one as T));
  if (wrong) throw invalid(name, `a list with some of ${choices.join(', ')}`);
  return choices.filter((choice) => (value as unknown[]).includes(choice));
}

/** An object whose values are numbers from 0 to 1, not all 0. @throws AgentError INVALID_SETTING */
export function weightsSetting<T extends string>(
  settings: Settings,
  name: string,
  keys: readonly T[],
): Record<T, number> {
  const value = settings[name];
  if (!isObject(value)) throw invalid(name, `an object with ${keys.join(', ')}`);
  const weights = Object.fromEntries(
    keys.map((key) => [key, numberSetting({ [`${name}.${key}`]: value[key] }, `${name}.${key}`, 0, 1)]),
  ) as Record<T, number>;
  if (keys.every((key) => weights[key] === 0))
    throw invalid(name, 'an object with at least one value above 0');
  return weights;
}
