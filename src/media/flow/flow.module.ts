import { BullModule } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import { OutboundHttp } from '../../platform/outbound/outbound-http';
import { OutboundModule } from '../../platform/outbound/outbound.module';
import { RedisService } from '../../platform/redis/redis.service';
import { ENV, type Env } from '../../platform/settings/env';
import { DownloadLinks } from '../../platform/storage/download-links';
import { AGENTS } from '../agents';
import { httpAgent } from '../agents/http.agent';
import { BulkCancellation } from '../jobs/bulk-cancellation';
import { BulkEvents } from '../jobs/bulk-events';
import { BulkRerunPlan } from '../jobs/bulk-rerun-plan';
import { BulkRetry } from '../jobs/bulk-retry';
import { JobCancellation } from '../jobs/job-cancellation';
import { JobDeletion } from '../jobs/job-deletion';
import { JobPriority } from '../jobs/job-priority';
import { JobRetry } from '../jobs/job-retry';
import { JobsService } from '../jobs/jobs.service';
import { RerunPlan } from '../jobs/rerun-plan';
import { LostSteps } from '../steps/lost-steps';
import { StepClaims } from '../steps/step-claims';
import { StepProgress } from '../steps/step-progress';
import { StepSettlement } from '../steps/step-settlement';
import { JobAdvance } from './advance-job';
import { AGENT_REGISTRY, AgentRegistry, FURTHER_TYPES } from './agent-registry';
import { AgentSettingsRules } from './agent-settings-rules';
import { DispatcherManager } from './dispatcher.manager';
import { FlowEvents } from './flow-events';
import { GraphVersions } from './graph-versions';
import { MediaToolset } from './media-toolset';
import { bullOptions } from './queues/bull-options';
import { QueueAdmin } from './queues/queue-admin.service';
import { QueueClearing } from './queues/queue-clearing';
import { QueueDraining } from './queues/queue-draining';
import { QueueMaintenance } from './queues/queue-maintenance';
import { QueueNews } from './queues/queue-news';
import { QueuePurging } from './queues/queue-purging';
import { QueueState } from './queues/queue-state';
import { StepEntries } from './queues/step-entries';
import { StepQueues } from './queues/step-queues';
import { StepDispatch } from './step-dispatch';
import { StepRunner } from './step-runner';
import { StepSweep } from './step-sweep';
import { UntoldEnds } from './untold-ends';

/**
 * Jobs, their steps and their queues, for every process: the api makes jobs, the manager's dispatcher keeps
 * them going. Nothing takes steps from the queues here; the worker's module does.
 */
@Module({
  imports: [
    OutboundModule,
    BullModule.registerQueueAsync(
      ...AGENTS.map((agent) => ({ name: agent.id, inject: [RedisService], useFactory: bullOptions })),
    ),
  ],
  providers: [
    { provide: AGENT_REGISTRY, useValue: AGENTS },
    {
      provide: FURTHER_TYPES,
      useFactory: (outbound: OutboundHttp, links: DownloadLinks, env: Env) => [
        httpAgent({ outbound, links, tokens: env.httpAgentTokens }),
      ],
      inject: [OutboundHttp, DownloadLinks, ENV],
    },
    AgentRegistry,
    AgentSettingsRules,
    BulkCancellation,
    BulkEvents,
    BulkRerunPlan,
    BulkRetry,
    DispatcherManager,
    FlowEvents,
    GraphVersions,
    JobAdvance,
    JobCancellation,
    JobDeletion,
    JobPriority,
    JobRetry,
    JobsService,
    LostSteps,
    MediaToolset,
    QueueAdmin,
    QueueClearing,
    QueueDraining,
    QueueMaintenance,
    QueueNews,
    QueuePurging,
    QueueState,
    RerunPlan,
    StepClaims,
    StepDispatch,
    StepEntries,
    StepProgress,
    StepQueues,
    StepRunner,
    StepSettlement,
    StepSweep,
    UntoldEnds,
  ],
  exports: [
    AgentRegistry,
    BulkCancellation,
    BulkRetry,
    GraphVersions,
    JobDeletion,
    JobPriority,
    JobsService,
    MediaToolset,
    QueueAdmin,
    QueueDraining,
    QueuePurging,
    QueueState,
    StepClaims,
    StepEntries,
    StepQueues,
    StepRunner,
  ],
})
export class FlowModule {}
