import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsObject,
  IsString,
  Matches,
  MaxLength,
} from 'class-validator';
import { AGENT_TYPES, type AgentType } from '../../../media/agents/agent';
import { AgentRegistry } from '../../../media/flow/agent-registry';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { Preview } from '../../../pipeline/preview/preview';
import { AGENT_ID, MAX_AGENT_ID, MAX_NEEDS } from '../../../platform/settings/pipeline.settings';
import { addition } from '../agents/agent-changes';
import { type AgentChanged, AgentEditor } from '../agents/agent-editor';

@Action({
  name: 'config.add_agent',
  views: ['configuration'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres'],
  summary: 'Add an agent',
  description:
    'Puts an agent into the graph: jobs created from then on get a step of it, and the running workers serve its queue. Jobs that exist keep the graph that they were made with. An agent of the type http asks a service of your own, such as `{"agent_id": "highlights", "type": "http", "settings": {"url": "https://models.example.com/highlights"}, "after": ["normaliser"], "before": ["moment-selector"]}`; what it answers as `moments` ([{start_s, end_s, score, reason}]) is weighed by the moment-selector after it. Agents that would wait for each other in a circle are refused.',
  errors: ['AGENT_EXISTS', 'PIPELINE_CYCLE', 'CONFLICT'],
  example: { agent_id: 'second-scenes', type: 'scene-detector', settings: {}, after: ['normaliser'] },
  since: '1.0',
})
export class AddAgent extends ActionCommand<AgentChanged> {
  /** What it is called: lower-case words with hyphens. */
  @Recorded()
  @IsString()
  @Matches(AGENT_ID)
  @MaxLength(MAX_AGENT_ID)
  agent_id!: string;

  /** What it is. Several agents may be of one type. */
  @Recorded()
  @IsIn(AGENT_TYPES)
  type!: AgentType;

  /** Its settings, as its type knows them; what is not given has the type's default. */
  @Recorded()
  @MayBeAbsent()
  @IsObject()
  settings: Record<string, unknown> = {};

  /** The agents whose output it needs; those that its type needs, if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_NEEDS)
  @ArrayUnique()
  @IsString({ each: true })
  after?: string[];

  /** The agents that are to wait for its output. */
  @Recorded()
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(MAX_NEEDS)
  @ArrayUnique()
  @IsString({ each: true })
  before: string[] = [];

  /** Whether new jobs get a step of it at once. */
  @Recorded()
  @MayBeAbsent()
  @IsBoolean()
  enabled = true;
}

@CommandHandler(AddAgent)
export class AddAgentHandler implements PreviewingHandler<AddAgent> {
  constructor(
    @Inject(AgentEditor) private readonly editor: AgentEditor,
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
  ) {}

  preview(command: AddAgent): Promise<Preview> {
    return this.editor.preview(command.agent_id, addition(this.agents, command));
  }

  execute(command: AddAgent): Promise<AgentChanged> {
    return this.editor.save(command.agent_id, addition(this.agents, command), command.context);
  }
}
