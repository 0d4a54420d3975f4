'use strict';

/**
 * `npm test`: builds, then runs the test projects and sums up. Arguments name projects; none = all.
 * All of them share one run: what waits for leases, queues and servers leaves the cores to what calculates. Twice as many
 * files as there are cores run at a time, four at most. test/sequencer.js says in which order.
 *
 * The last line is `N passed, N failed`. TEST_SUMMARY names a file to write that line into as well.
 */
const { spawnSync } = require('node:child_process');
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { availableParallelism, tmpdir } = require('node:os');
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
const PROJECTS = ['unit', 'integration', 'e2e', 'faults'];
/** The projects that run the built product. */
const BUILT = new Set(['e2e', 'faults']);
/** How many files run at a time. Each may be a whole installation, so more than a few do not fit in. */
const WORKERS = Math.min(4, 2 * availableParallelism());

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = wanted.filter((name) => !PROJECTS.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`No such test project: ${unknown.join(', ')}. There are: ${PROJECTS.join(', ')}\n`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'agentos-test-run-'));
const totals = { passed: 0, failed: 0 };
let broken = false;

const projects = PROJECTS.filter((name) => wanted.length === 0 || wanted.includes(name));
// Without a check of types, as before a start; `npm run typecheck` is a check of its own.
if (projects.some((name) => BUILT.has(name))) run(process.execPath, [join(ROOT, 'src/up/ensure-build.mjs')]);
const report = join(folder, 'report.json');
run(process.execPath, [
  require.resolve('jest/bin/jest'),
  '--selectProjects',
  ...projects,
  '--passWithNoTests',
  // What a failing test left open must not keep the run from ending and being summed up.
  '--forceExit',
  `--maxWorkers=${WORKERS}`,
  '--json',
  `--outputFile=${report}`,
]);
add();

rmSync(folder, { recursive: true, force: true });
const line = `${totals.passed} passed, ${totals.failed} failed`;
if (process.env.TEST_SUMMARY) writeFileSync(process.env.TEST_SUMMARY, `${line}\n`);
process.stdout.write(`${line}\n`);
process.exit(broken || totals.failed > 0 || totals.passed === 0 ? 1 : 0);

/** Runs a command with its output on our stderr, so that stdout carries nothing but the last line. */
function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (status !== 0) broken = true;
}

/** A suite that could not even start counts as one failed test: it must not vanish from the sum. */
function add() {
  if (!existsSync(report)) {
    process.stderr.write('jest wrote no report\n');
    totals.failed += 1;
    return;
  }
  const result = JSON.parse(readFileSync(report, 'utf8'));
  totals.passed += result.numPassedTests;
  totals.failed += result.numFailedTests + result.numRuntimeErrorTestSuites + result.numPendingTests;
}
