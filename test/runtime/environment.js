'use strict';

const { createContext } = require('node:vm');
const { ModernFakeTimers } = require('@jest/fake-timers');
const { ModuleMocker } = require('jest-mock');
const { disableStorages, runTestFile } = require('./native');

/** Where Jest's runner keeps things in the global object, which it takes for a file's own. */
const LEFT_BY_RUNNER = ['EVENT_HANDLERS', 'TEST_TIMEOUT_SYMBOL'].map((name) => Symbol.for(name));

/**
 * Runs all test files of a worker in the worker's own realm, so that what one file loaded is there for the next (see
 * native.js), and so that `instanceof` holds between a test and Node. Jest's own environment makes a realm for each file.
 */
module.exports = class SharedEnvironment {
  constructor({ projectConfig }) {
    this.global = globalThis;
    // Jest compiles its own modules, and the line that stands for a test file, in here; its globals are the worker's.
    this.context = createContext(globalThis);
    this.moduleMocker = new ModuleMocker(globalThis);
    this.fakeTimers = null;
    this.fakeTimersModern = new ModernFakeTimers({ config: projectConfig, global: globalThis });
  }

  async setup() {
    globalThis.runTestFile = runTestFile;
    // How long a file lets its tests take is nothing for the next one, nor is who listens to what goes on in it.
    for (const symbol of LEFT_BY_RUNNER) globalThis[symbol] = undefined;
    Error.stackTraceLimit = 50;
  }

  async teardown() {
    this.fakeTimersModern.dispose();
    this.moduleMocker.restoreAllMocks();
    disableStorages();
    this.context = null;
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  getVmContext() {
    return this.context;
  }
};
