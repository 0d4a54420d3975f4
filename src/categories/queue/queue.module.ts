import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { Category } from '../../pipeline/catalogue/category.decorator';
import { ClearQueueHandler } from './actions/clear-queue.action';
import { DrainQueueHandler } from './actions/drain-queue.action';
import { PauseQueueHandler } from './actions/pause-queue.action';
import { PurgeAllQueuesHandler } from './actions/purge-all-queues.action';
import { PurgeQueueHandler } from './actions/purge-queue.action';
import { ResumeQueueHandler } from './actions/resume-queue.action';
import { PurgeRun } from './purge-run';
import { QueueContents } from './queue-contents';

/** The actions of this category, sorted by name; a new one is added here. */
const ACTIONS = [
  ClearQueueHandler,
  DrainQueueHandler,
  PauseQueueHandler,
  PurgeAllQueuesHandler,
  PurgeQueueHandler,
  ResumeQueueHandler,
];

/** Actions on queues. */
@Category('queue')
@Module({ imports: [FlowModule], providers: [PurgeRun, QueueContents, ...ACTIONS] })
export class QueueCategory {}
