import { TestEnvironment } from 'jest-environment-node';
import type { Circus } from '@jest/types';

/** Prints the logs of the running cluster, if there is one, when a test or a hook fails. */
export default class ClusterEnvironment extends TestEnvironment {
  handleTestEvent(event: Circus.Event): void {
    if (event.name !== 'test_fn_failure' && event.name !== 'hook_failure') return;
    const logs = (this.global as { agentosClusterLogs?: () => string }).agentosClusterLogs;
    if (logs) process.stderr.write(`${logs()}\n`);
  }
}
