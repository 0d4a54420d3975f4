import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsString, Length } from 'class-validator';
import { AgentRegistry } from '../../../media/flow/agent-registry';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { removal } from '../agents/agent-changes';
import { type AgentChanged, AgentEditor } from '../agents/agent-editor';

@Action({
  name: 'config.remove_agent',
  views: ['configuration'],
  risk: 'high',
  mode: 'sync',
  roles: [],
  dependsOn: ['postgres'],
  summary: 'Remove an agent',
  description:
    'Takes an agent out of the graph, with its settings. Refused while jobs under way have steps of it that have not ended, and while other agents cannot do without it. A job that failed before and is retried still runs its step.',
  errors: ['AGENT_NOT_FOUND', 'AGENT_IN_USE', 'CONFLICT'],
  example: { agent_id: 'second-scenes' },
  since: '1.0',
})
export class RemoveAgent extends ActionCommand<AgentChanged> {
  /** Which agent. */
  @Recorded()
  @IsString()
  @Length(1, 100)
  agent_id!: string;
}

@CommandHandler(RemoveAgent)
export class RemoveAgentHandler implements PreviewingHandler<RemoveAgent> {
  constructor(
    @Inject(AgentEditor) private readonly editor: AgentEditor,
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
  ) {}

  async preview({ agent_id }: RemoveAgent): Promise<Preview> {
    const preview = await this.editor.preview(agent_id, removal(this.agents, agent_id));
    await this.editor.refuseInUse(agent_id);
    return preview;
  }

  execute({ agent_id, context }: RemoveAgent): Promise<AgentChanged> {
    return this.editor.save(agent_id, removal(this.agents, agent_id), context, (tx) =>
      this.editor.refuseInUse(agent_id, tx),
    );
  }
}
