import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { FieldError } from '../../platform/errors/app-error';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { Settings } from '../../platform/settings/settings';
import { Catalogue } from '../catalogue/catalogue';
import type { GuardedAction } from './permissions';
import { matchesAction } from './action-pattern';

/** Lets no settings be saved that name actions which do not exist: a rule with a typing error protects nothing. */
@Injectable()
export class SettingsRules implements OnModuleInit {
  constructor(
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  onModuleInit(): void {
    this.settings.addCheck((settings) => actionFaults(settings, this.catalogue.all()));
  }
}

/** What is wrong with the names and patterns of actions in settings. */
export function actionFaults(settings: Settings, actions: readonly GuardedAction[]): FieldError[] {
  const { action_networks, role_grants, role_denials } = settings.access;
  const grantable = actions.filter((action) => !action.adminOnly);
  return [
    ...Object.keys(settings.rate_limits.actions)
      .filter((name) => !actions.some((action) => action.name === name))
      .map((name) => fault('rate_limits.actions', name, 'is not the name of an action')),
    ...unmatched(Object.keys(action_networks), actions).map((pattern) =>
      fault('access.action_networks', pattern, 'matches no action'),
    ),
    ...Object.entries(role_grants).flatMap(([role, patterns]) =>
      unmatched(patterns as string[], grantable).map((pattern) =>
        fault(`access.role_grants.${role}`, pattern, 'matches no action that may be granted'),
      ),
    ),
    ...Object.entries(role_denials).flatMap(([role, patterns]) =>
      unmatched(patterns as string[], actions).map((pattern) =>
        fault(`access.role_denials.${role}`, pattern, 'matches no action'),
      ),
    ),
  ];
}

function unmatched(patterns: readonly string[], actions: readonly GuardedAction[]): string[] {
  return patterns.filter((pattern) => !actions.some(({ name }) => matchesAction(pattern, name)));
}

function fault(path: string, name: string, what: string): FieldError {
  return { path: `settings.${path}`, message: `"${name}" ${what}` };
}
