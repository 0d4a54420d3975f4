import { Module } from '@nestjs/common';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { PipelineModule } from '../../pipeline/pipeline.module';
import { LockoutModule } from '../../user-api/auth/lockout.module';
import { AccountAlerts } from './accounts/account-alerts';
import { Accounts } from './accounts/accounts';
import { AddUserHandler } from './actions/add-user.action';
import { ListUsersHandler } from './actions/list-users.action';
import { SaveConfigHandler } from './actions/save-config.action';
import { UnlockUserHandler } from './actions/unlock-user.action';
import { UpdateUserHandler } from './actions/update-user.action';
import { SettingsEditor } from './settings-editor';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [AddUserHandler, ListUsersHandler, SaveConfigHandler, UnlockUserHandler, UpdateUserHandler];

/** Actions on settings and accounts. */
@Category('config')
@Module({
  imports: [PipelineModule, LockoutModule],
  providers: [Accounts, AccountAlerts, SettingsEditor, ...ACTIONS],
})
export class ConfigCategory {}
