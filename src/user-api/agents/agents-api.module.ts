import { Module } from '@nestjs/common';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { FlowModule } from '../../media/flow/flow.module';
import { RouteActionsModule } from '../actions/route-actions.module';
import { AgentActionsController } from './agent-actions.controller';
import { AgentConfigView } from './agent-config-view';
import { AgentFiguresQuery } from './agent-figures';
import { AgentQueries } from './agent-queries';
import { AgentsController } from './agents.controller';
import { AgentsNow } from './agents-now';

/** /api/agents */
@Module({
  imports: [FlowModule, WorkersModule, RouteActionsModule],
  controllers: [AgentsController, AgentActionsController],
  providers: [AgentsNow, AgentQueries, AgentFiguresQuery, AgentConfigView],
})
export class AgentsApiModule {}
