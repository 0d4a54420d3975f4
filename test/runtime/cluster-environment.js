'use strict';

const SharedEnvironment = require('./environment');

/** Prints the logs of the running cluster, if there is one, when a test or a hook fails. */
module.exports = class ClusterEnvironment extends SharedEnvironment {
  handleTestEvent(event) {
    if (event.name !== 'test_fn_failure' && event.name !== 'hook_failure') return;
    const logs = globalThis.agentosClusterLogs;
    if (logs) process.stderr.write(`${logs()}\n`);
  }
};
