'use strict';

/**
 * Loads test files with Node's own `require`. What they load of this project is theirs alone; packages are loaded once
 * for each of Jest's workers. Jest itself would load every package anew for every test file, which takes more than two
 * seconds of a core where the whole product is started.
 */
const asyncHooks = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const { createRequire } = require('node:module');
const { join, sep } = require('node:path');
const { defaultMetadataStorage } = require('class-transformer/cjs/storage');
require('./register');

const PROJECT = join(__dirname, '../..');
/** What is not a test's own: packages, and this folder. */
const KEPT = [join(PROJECT, 'node_modules') + sep, __dirname + sep];

// A test file may hold many connections to one emitter (two processes, several clients); that is no leak.
EventEmitter.defaultMaxListeners = 50;

/**
 * Every storage that was made: by packages once, by Jest's runner and by this project anew for each file. Node carries
 * the enabled ones along through every promise for ever.
 */
const storages = [];
const KnownStorage = class extends asyncHooks.AsyncLocalStorage {
  constructor(...args) {
    super(...args);
    storages.push(this);
  }
};
// From Node 22 on it is a getter.
Object.defineProperty(asyncHooks, 'AsyncLocalStorage', { value: KnownStorage, configurable: true });

// Jest sets its own for each file, which knows nothing of what was compiled here.
const { prepareStackTrace } = Error;

/** Between two files; whoever stores something enables its storage again. */
exports.disableStorages = () => {
  for (const storage of storages) storage.disable();
};

/** Runs a test file; `jest` is the object that Jest made for it. */
exports.runTestFile = (filename, jest) => {
  for (const path of Object.keys(require.cache))
    if (path.startsWith(PROJECT + sep) && !KEPT.some((folder) => path.startsWith(folder)))
      delete require.cache[path];
  // What is declared of the classes of an earlier file: whoever looks through all of it would take longer with each file.
  defaultMetadataStorage.clear();
  delete globalThis.classValidatorMetadataStorage;
  globalThis.jest = jest;
  Error.prepareStackTrace = prepareStackTrace;
  createRequire(filename)(filename);
};
