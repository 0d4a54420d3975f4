'use strict';

/**
 * Loads test files with Node's own `require`. What they load of this project is theirs alone; packages are loaded once
 * for each of Jest's workers. Jest itself would load every package anew for every test file, which takes more than two
 * seconds of a core where the whole product is started.
 */
const { EventEmitter } = require('node:events');
const { createRequire } = require('node:module');
const { join, sep } = require('node:path');
require('./register');

const PROJECT = join(__dirname, '../..');
/** What is not a test's own: packages, and this folder. */
const KEPT = [join(PROJECT, 'node_modules') + sep, __dirname + sep];

// A test file may hold many connections to one emitter (two processes, several clients); that is no leak.
EventEmitter.defaultMaxListeners = 50;

// Jest sets its own for each file, which knows nothing of what was compiled here.
const { prepareStackTrace } = Error;

/** Runs a test file; `jest` is the object that Jest made for it. */
exports.runTestFile = (filename, jest) => {
  for (const path of Object.keys(require.cache))
    if (path.startsWith(PROJECT + sep) && !KEPT.some((folder) => path.startsWith(folder)))
      delete require.cache[path];
  globalThis.jest = jest;
  Error.prepareStackTrace = prepareStackTrace;
  createRequire(filename)(filename);
};
