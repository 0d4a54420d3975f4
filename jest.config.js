'use strict';

const { join } = require('node:path');

const base = {
  rootDir: __dirname,
  moduleFileExtensions: ['ts', 'js', 'json'],
  // Node loads the tests and what they test, once for each worker: see test/runtime.
  testEnvironment: join(__dirname, 'test/runtime/environment.js'),
  runtime: join(__dirname, 'test/runtime/runtime.js'),
  transform: { '\\.(spec|int|e2e|fault|swarm|bench)\\.ts$': join(__dirname, 'test/runtime/transform.js') },
  clearMocks: true,
};

/** The projects that talk to real servers: one private Postgres and Redis per run, see test/support. */
const withServers = {
  ...base,
  globalSetup: join(__dirname, 'test/runtime/global-setup.js'),
  globalTeardown: join(__dirname, 'test/runtime/global-teardown.js'),
};

/** The projects that run the built product as processes, and print its logs when a test fails. */
const withProcesses = {
  ...withServers,
  testEnvironment: join(__dirname, 'test/runtime/cluster-environment.js'),
};

module.exports = {
  // Some tests calculate for half a minute on two cores that they have for themselves; no limit is to be about that.
  testTimeout: 300_000,
  testSequencer: join(__dirname, 'test/sequencer.js'),
  projects: [
    {
      ...base,
      displayName: 'unit',
      roots: ['<rootDir>/src', '<rootDir>/test/nemesis'],
      testRegex: '\\.spec\\.ts$',
    },
    {
      ...withServers,
      displayName: 'integration',
      roots: ['<rootDir>/test/integration'],
      testRegex: '\\.int\\.ts$',
    },
    { ...withProcesses, displayName: 'e2e', roots: ['<rootDir>/test/e2e'], testRegex: '\\.e2e\\.ts$' },
    {
      ...withProcesses,
      displayName: 'faults',
      roots: ['<rootDir>/test/faults'],
      testRegex: '\\.fault\\.ts$',
    },
    // Needs a Docker engine that is a manager of a Swarm: `npm run test:swarm`.
    {
      ...base,
      displayName: 'swarm',
      roots: ['<rootDir>/test/swarm'],
      testRegex: '\\.swarm\\.ts$',
    },
    // Not part of the tests: `npm run bench`.
    { ...withProcesses, displayName: 'bench', roots: ['<rootDir>/bench'], testRegex: '\\.bench\\.ts$' },
  ],
};
