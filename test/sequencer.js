'use strict';

const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * Roughly how many seconds the longer files take on two cores. Where the durations of an earlier run are not at hand, as
 * in a fresh clone, Jest goes by the size of files, and would end with one worker at a file of a minute and the others idle.
 */
const SECONDS = {
  'faults/failures.fault': 150,
  'faults/pipeline.fault': 110,
  'e2e/launcher.e2e': 85,
  'e2e/videos.e2e': 75,
  'e2e/apis.e2e': 60,
  'faults/soak.fault': 30,
  'integration/agents.int': 75,
  'integration/operations.int': 55,
  'integration/pipeline-every-action.int': 55,
  'integration/audit-actions.int': 45,
  'integration/upload-limits.int': 40,
  'integration/pipeline-limits.int': 40,
  'integration/api-fuzz.int': 40,
  'integration/gateway.int': 40,
  'integration/audit-tampering.int': 35,
  'integration/attacks-http.int': 35,
  'integration/queue-races.int': 30,
  'integration/errors.int': 30,
  'integration/pipeline-openapi.int': 30,
  'integration/audit-seals.int': 30,
  'integration/attacks-wire.int': 30,
  'integration/flow-recovery.int': 30,
  'integration/upload-forms.int': 25,
  'integration/downloads.int': 25,
  'integration/circuit-histories.int': 20,
  'integration/flow-run.int': 20,
  'integration/flow-cancel.int': 20,
  'integration/regexes.int': 20,
  'integration/managers.int': 20,
};
/** What a file takes of which nothing is known, by the ending of its name. */
const USUAL = { '.fault.ts': 60, '.e2e.ts': 30, '.int.ts': 9, '.spec.ts': 1 };

const secondsOf = ({ path }) => {
  const known = Object.keys(SECONDS).find((name) => path.endsWith(`/test/${name}.ts`));
  if (known) return SECONDS[known];
  const ending = Object.keys(USUAL).find((end) => path.endsWith(end));
  return ending ? USUAL[ending] : 1;
};

/** Files that start processes of their own wait a lot: for leases that run out, and for restarts. */
const startsProcesses = ({ path }) => /\.(e2e|fault)\.ts$/.test(path);

/**
 * The long files first, and those that wait beside those that calculate, in proportion: so that the cores are busy from
 * the first file to the last, and no test that watches a lease run out has all the others of its kind beside it.
 */
module.exports = class Interleaved extends Sequencer {
  sort(tests) {
    const sorted = [...super.sort(tests)].sort((a, b) => secondsOf(b) - secondsOf(a));
    const lanes = [sorted.filter(startsProcesses), sorted.filter((test) => !startsProcesses(test))].map(
      (files) => ({
        files,
        total: files.reduce((sum, test) => sum + secondsOf(test), 0),
        taken: 0,
      }),
    );
    const order = [];
    while (order.length < tests.length) {
      const open = lanes.filter(({ files }) => files.length > 0);
      const lane = open.reduce((best, other) =>
        other.taken / other.total < best.taken / best.total ? other : best,
      );
      const test = lane.files.shift();
      lane.taken += secondsOf(test);
      order.push(test);
    }
    return order;
  }
};
