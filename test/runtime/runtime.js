'use strict';

const { default: Runtime } = require('jest-runtime');

/**
 * Has Node load what Jest needs within a test file (assertions, snapshots, differences), once for each worker, since all
 * files share its realm; Jest would load it anew for each, which takes longer than most unit tests do. Only the runner
 * itself, one file that holds the state of a run, is loaded for each file.
 */
module.exports = class NodeRuntime extends Runtime {
  requireInternalModule(path) {
    delete require.cache[path];
    return require(path);
  }
};
