import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsBoolean, IsInt, IsObject, IsString, Length, Max, Min } from 'class-validator';
import { AgentRegistry } from '../../../media/flow/agent-registry';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { MAX_STEP_S } from '../../../platform/settings/pipeline.settings';
import { configuration } from '../agents/agent-changes';
import { type AgentChanged, AgentEditor } from '../agents/agent-editor';

@Action({
  name: 'config.configure_agent',
  views: ['configuration'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres'],
  summary: 'Configure an agent',
  description:
    'Changes settings and limits of an agent for jobs created from then on, or switches it on or off for them: those that wait for an agent that is switched off wait for what that one would have waited for. Steps of jobs that exist keep what they were made with.',
  errors: ['AGENT_NOT_FOUND', 'CONFLICT'],
  example: { agent_id: 'moment-selector', settings: { count: 5 } },
  since: '1.0',
})
export class ConfigureAgent extends ActionCommand<AgentChanged> {
  /** Which agent. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  agent_id!: string;

  /** What to change of its settings; null puts the default of its type back, and what is not given stays. */
  @Recorded()
  @MayBeAbsent()
  @IsObject()
  settings?: Record<string, unknown>;

  /** Whether new jobs get a step of it. */
  @Recorded()
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  /** Longest time of one attempt, in seconds; jobs.step_timeout_s is a limit to that. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_STEP_S)
  timeout_s?: number;

  /** How often a step of it is tried; jobs.max_attempts is a limit to that. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(10)
  max_attempts?: number;
}

@CommandHandler(ConfigureAgent)
export class ConfigureAgentHandler implements PreviewingHandler<ConfigureAgent> {
  constructor(
    @Inject(AgentEditor) private readonly editor: AgentEditor,
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
  ) {}

  preview(command: ConfigureAgent): Promise<Preview> {
    return this.editor.preview(command.agent_id, configuration(this.agents, command.agent_id, command));
  }

  execute(command: ConfigureAgent): Promise<AgentChanged> {
    const { agent_id, context } = command;
    return this.editor.save(agent_id, configuration(this.agents, agent_id, command), context);
  }
}
