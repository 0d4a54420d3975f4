import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { PipelineModule } from '../../pipeline/pipeline.module';
import { LockoutModule } from '../../user-api/auth/lockout.module';
import { AccountAlerts } from './accounts/account-alerts';
import { Accounts } from './accounts/accounts';
import { AddAgentHandler } from './actions/add-agent.action';
import { AddUserHandler } from './actions/add-user.action';
import { ConfigureAgentHandler } from './actions/configure-agent.action';
import { ListUsersHandler } from './actions/list-users.action';
import { RemoveAgentHandler } from './actions/remove-agent.action';
import { SaveConfigHandler } from './actions/save-config.action';
import { UnlockUserHandler } from './actions/unlock-user.action';
import { UpdateUserHandler } from './actions/update-user.action';
import { AgentEditor } from './agents/agent-editor';
import { SettingsEditor } from './settings-editor';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [
  AddAgentHandler,
  AddUserHandler,
  ConfigureAgentHandler,
  ListUsersHandler,
  RemoveAgentHandler,
  SaveConfigHandler,
  UnlockUserHandler,
  UpdateUserHandler,
];

/** Actions on settings and accounts. */
@Category('config')
@Module({
  imports: [PipelineModule, FlowModule, LockoutModule],
  providers: [Accounts, AccountAlerts, AgentEditor, SettingsEditor, ...ACTIONS],
})
export class ConfigCategory {}
