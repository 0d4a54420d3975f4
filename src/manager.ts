import { createManager } from './apps/manager';
import { runProcess } from './platform/process/run-process';

void runProcess('manager', createManager);
