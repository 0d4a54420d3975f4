import { BullModule } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { RedisService } from '../platform/redis/redis.service';
import { ActionNetworks } from './access/action-networks';
import { PermissionsService } from './access/permissions.service';
import { SettingsRules } from './access/settings-rules';
import { AuditLog } from './audit/audit-log';
import { AuditProofs } from './audit/audit-proofs';
import { PayloadScrubber } from './audit/payload-scrubber';
import { SecurityEvents } from './audit/security-events';
import { PersonalFields } from './audit/subjects/personal-fields';
import { SubjectKeys } from './audit/subjects/subject-keys';
import { Bulkheads } from './breaker/bulkheads';
import { CircuitEvents } from './breaker/circuit-events';
import { Circuits } from './breaker/circuits';
import { CircuitsModule } from './breaker/circuits.module';
import { Catalogue } from './catalogue/catalogue';
import { ClaimWriter } from './executions/claim-writer';
import { Claims } from './executions/claims';
import { ExecutionStore } from './executions/execution-store';
import { LeaseKeeper } from './executions/lease-keeper';
import { OutcomeWriter } from './executions/outcome-writer';
import { Outcomes } from './executions/outcomes';
import { SealedAnswers } from './executions/sealed-answers';
import { ExecutionTiming } from './executions/timing';
import { Fingerprints } from './fingerprints';
import { RateLimiter } from './limits/rate-limiter';
import { ExecutionWaiter } from './operations/execution-waiter';
import { OperationAborts } from './operations/operation-aborts';
import { OperationEnd } from './operations/operation-end';
import { OperationQueue, OPERATIONS } from './operations/operation-queue';
import { OperationStore } from './operations/operation-store';
import { ActionRunner, STAGES } from './pipeline';
import { PreviewTokens } from './preview/preview-tokens';

/** The write side without its endpoint: what runs actions, in any process. */
@Module({
  imports: [
    CqrsModule,
    DiscoveryModule,
    CircuitsModule,
    BullModule.registerQueueAsync({
      name: OPERATIONS,
      inject: [RedisService],
      useFactory: (redis: RedisService) => ({
        prefix: redis.key('bull'),
        // Adding fails fast while Redis is away; the sweeper adds later what could not be.
        createClient: (type) => (type === 'client' ? redis.client : redis.bullConnection(type)),
      }),
    }),
  ],
  providers: [
    Catalogue,
    PermissionsService,
    ActionNetworks,
    SettingsRules,
    SubjectKeys,
    PersonalFields,
    AuditLog,
    AuditProofs,
    SecurityEvents,
    PayloadScrubber,
    RateLimiter,
    CircuitEvents,
    Circuits,
    Bulkheads,
    ExecutionTiming,
    ClaimWriter,
    OutcomeWriter,
    ExecutionStore,
    LeaseKeeper,
    Outcomes,
    SealedAnswers,
    Claims,
    PreviewTokens,
    OperationStore,
    OperationEnd,
    Fingerprints,
    OperationQueue,
    OperationAborts,
    ExecutionWaiter,
    ...STAGES,
    ActionRunner,
  ],
  exports: [
    CqrsModule,
    BullModule,
    CircuitsModule,
    ActionRunner,
    Catalogue,
    PermissionsService,
    PersonalFields,
    AuditLog,
    AuditProofs,
    SecurityEvents,
    PayloadScrubber,
    RateLimiter,
    Circuits,
    ExecutionTiming,
    ExecutionStore,
    LeaseKeeper,
    Outcomes,
    PreviewTokens,
    OperationStore,
    OperationEnd,
    OperationQueue,
    OperationAborts,
  ],
})
export class PipelineModule {}
