'use strict';

/** Has Node load TypeScript, compiled by SWC as in the build; a test's child process loads this with `-r`. */
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { dirname, join, resolve } = require('node:path');
const { Script, constants } = require('node:vm');
const { transformSync } = require('@swc/core');
const { install } = require('source-map-support');

require('reflect-metadata');

/** As in .swcrc. */
const OPTIONS = {
  swcrc: false,
  sourceMaps: true,
  module: { type: 'commonjs' },
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    keepClassNames: true,
  },
};

/** Where the processes of a run of tests share what they compile; undefined outside of one. */
const SHARED = process.env.AGENTOS_TEST_FOLDER && join(process.env.AGENTOS_TEST_FOLDER, 'compiled');
if (SHARED) mkdirSync(SHARED, { recursive: true });

/** What was compiled, by file: code and source map. */
const compiled = new Map();

function compile(filename) {
  const known = compiled.get(filename);
  if (known) return known;
  const source = readFileSync(filename, 'utf8');
  const transform = () => transformSync(source, { ...OPTIONS, filename });
  const result = SHARED ? shared(createHash('sha1').update(filename).update(source), transform) : transform();
  compiled.set(filename, result);
  return result;
}

/** What another process of the run has compiled, or what this one does now for all of them. */
function shared(hash, transform) {
  const path = join(SHARED, `${hash.digest('hex')}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  const { code, map } = transform();
  // Whoever looks at the same time sees all of it or nothing.
  writeFileSync(`${path}.${process.pid}`, JSON.stringify({ code, map }));
  renameSync(`${path}.${process.pid}`, path);
  return { code, map };
}

const resolveFilename = Module._resolveFilename;
// A source may name another as it will be called once it is compiled: src/metadata.ts does.
Module._resolveFilename = (request, parent, ...rest) => {
  if (request.startsWith('.') && request.endsWith('.js') && parent?.filename?.endsWith('.ts')) {
    const source = resolve(dirname(parent.filename), `${request.slice(0, -'.js'.length)}.ts`);
    if (existsSync(source)) return source;
  }
  return resolveFilename(request, parent, ...rest);
};

/** The scripts of files that were run before: V8 keeps what it has compiled of them. */
const scripts = new Map();

/** Runs a file, as often as it is loaded anew, and compiles it once. */
require.extensions['.ts'] = (module, filename) => {
  let script = scripts.get(filename);
  if (!script) {
    script = new Script(Module.wrap(compile(filename).code), {
      filename,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    scripts.set(filename, script);
  }
  const load = Object.assign((id) => module.require(id), Module.createRequire(filename));
  script.runInThisContext().call(module.exports, module.exports, load, module, filename, dirname(filename));
};

install({
  environment: 'node',
  handleUncaughtExceptions: false,
  retrieveSourceMap: (source) =>
    compiled.has(source) ? { url: source, map: compiled.get(source).map } : null,
});
