'use strict';

/** Jest's view of a test file: one line that has Node load it (see native.js, environment.js). */
module.exports = {
  process: (_source, filename) => ({ code: `runTestFile(${JSON.stringify(filename)}, jest);` }),
  getCacheKey: (_source, filename) => `native-2-${filename}`,
};
