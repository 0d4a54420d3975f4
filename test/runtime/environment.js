'use strict';

const asyncHooks = require('node:async_hooks');
const { createContext } = require('node:vm');
const { ModernFakeTimers } = require('@jest/fake-timers');
const { ModuleMocker } = require('jest-mock');
const { runTestFile } = require('./native');

const { AsyncLocalStorage } = asyncHooks;

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
    this.storages = [];
  }

  /** Jest loads its runner anew for each file, with a storage that Node would carry along through every promise for ever. */
  async setup() {
    const { storages } = this;
    asyncHooks.AsyncLocalStorage = class extends AsyncLocalStorage {
      constructor(...args) {
        super(...args);
        storages.push(this);
      }
    };
    globalThis.runTestFile = runTestFile;
    // How long a file lets its tests take is nothing for the next one.
    delete globalThis[Symbol.for('TEST_TIMEOUT_SYMBOL')];
    Error.stackTraceLimit = 50;
  }

  handleTestEvent({ name }) {
    if (name === 'setup') asyncHooks.AsyncLocalStorage = AsyncLocalStorage;
  }

  async teardown() {
    this.fakeTimersModern.dispose();
    this.moduleMocker.restoreAllMocks();
    for (const storage of this.storages) storage.disable();
    this.context = null;
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  getVmContext() {
    return this.context;
  }
};
