import { createWorker } from './apps/worker';
import { runProcess } from './platform/process/run-process';

void runProcess('worker', createWorker);
