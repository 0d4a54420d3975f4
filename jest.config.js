'use strict';

const { join } = require('node:path');

/** SWC as in the build (.swcrc), with source maps inline so that stacks point at the TypeScript lines. */
const swc = {
  swcrc: false,
  sourceMaps: 'inline',
  module: { type: 'commonjs' },
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    keepClassNames: true,
  },
};

/** Packages that ship ES modules only; Jest's module system needs them as CommonJS. */
const ESM_ONLY = ['jose', 'request-filtering-agent'];

const base = {
  testEnvironment: 'node',
  rootDir: __dirname,
  moduleFileExtensions: ['ts', 'js', 'json'],
  transform: { '^.+\\.(t|m?j)s$': ['@swc/jest', swc] },
  transformIgnorePatterns: [`/node_modules/(?!(${ESM_ONLY.join('|')})/)`],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  clearMocks: true,
  setupFiles: [require.resolve('reflect-metadata')],
  setupFilesAfterEnv: [join(__dirname, 'test/support/patience.ts')],
};

/** The projects that talk to real servers: one private Postgres and Redis per run, see test/support. */
const withServers = {
  ...base,
  setupFiles: [...base.setupFiles, join(__dirname, 'test/support/setup-file.ts')],
  globalSetup: join(__dirname, 'test/support/global-setup.ts'),
  globalTeardown: join(__dirname, 'test/support/global-teardown.ts'),
};

/** The projects that run the built product as processes, and print its logs when a test fails. */
const withProcesses = {
  ...withServers,
  testEnvironment: join(__dirname, 'test/support/environment.ts'),
};

module.exports = {
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
