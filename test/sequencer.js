'use strict';

const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * The files that take longest, the longest first. Where the durations of an earlier run are not at hand, as in a fresh
 * clone, Jest goes by the size of files, and would end with one worker at a file of a minute and the others idle.
 */
const LONGEST = [
  'faults/processes.fault',
  'faults/servers.fault',
  'faults/pipeline-kills.fault',
  'faults/nemesis.fault',
  'integration/agents.int',
  'integration/api-fuzz.int',
  'integration/flow-cancel.int',
  'integration/operations.int',
  'integration/audit-tampering.int',
  'integration/regexes.int',
  'integration/flow-recovery.int',
  'integration/gateway.int',
  'integration/attacks-http.int',
  'integration/audit-actions.int',
  'integration/pipeline-every-action.int',
  'integration/managers.int',
  'e2e/operator.e2e',
  'e2e/launcher.e2e',
  'faults/uploads.fault',
  'e2e/people.e2e',
  'e2e/access.e2e',
  'e2e/bad-input.e2e',
  'e2e/video.e2e',
];

/** Starts the known long files first, and orders the rest as Jest does. */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((name) => path.endsWith(`/test/${name}.ts`));
      return at < 0 ? LONGEST.length : at;
    };
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
  }
};
