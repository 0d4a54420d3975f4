'use strict';

/** Who may import whom (docs/architecture.md says why). Run by `npm run boundaries`. */

/** The programs, and the modules that put them together: they may import everything. */
const ENTRY = '^src/([^/]+\\.ts$|up/|apps/)';
/** What is run rather than imported, and what browsers import. */
const PROGRAMS =
  '^src/(main|worker|manager|up/(main|demo|dev|seed|setup|audit-verify|erase-user|rotate-keys|ensure-build)|apps/generate-docs|platform/postgres/migrate|gateway/client/browser|media/agents/speech/silero-thread)\\.(ts|mjs|cjs)$';
/** The contract that a control loop implements; the only part of managers that others see. */
const MANAGER_CONTRACT = '^src/managers/manager\\.ts$';
/** Libraries that speak HTTP or WebSocket, and node's own. */
const TRANSPORT =
  '(^|/)node_modules/(@nestjs/(platform-|websockets)|fastify/|@fastify/|ws/)|^(node:)?(http|https|http2)$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Modules that import each other cannot be understood, tested or moved alone.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-dead-files',
      comment: 'A file that no entry point reaches is dead, or was forgotten in a list.',
      severity: 'error',
      from: { path: PROGRAMS },
      to: { path: '^src/', pathNot: ['\\.(spec|d)\\.ts$', PROGRAMS], reachable: false },
    },
    {
      name: 'platform-knows-nothing-above-it',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: '^src/', pathNot: '^src/platform/' },
    },
    {
      name: 'domain-knows-no-transport-and-nothing-above-it',
      comment:
        'media and fleet are called by the write side, the read side and the user API, never the other way round.',
      severity: 'error',
      from: { path: '^src/(media|fleet)/' },
      to: { path: '^src/(pipeline|categories|user-api|ssot|gateway)/' },
    },
    {
      name: 'domain-speaks-no-http',
      severity: 'error',
      from: { path: '^src/(media|fleet)/', pathNot: '\\.spec\\.ts$' },
      to: { path: TRANSPORT },
    },
    {
      name: 'categories-do-not-import-each-other',
      comment: 'They talk over the command and query bus.',
      severity: 'error',
      from: { path: '^src/categories/([^/]+)/' },
      to: { path: '^src/categories/[^/]+/', pathNot: '^src/categories/$1/' },
    },
    {
      name: 'pipeline-imports-no-category',
      comment: 'It discovers the actions, so that adding one edits nothing here.',
      severity: 'error',
      from: { path: '^src/pipeline/' },
      to: { path: '^src/(categories|user-api|ssot|gateway)/' },
    },
    {
      name: 'routes-run-actions-by-one-way',
      comment: 'RouteActions makes sure that a route is marked with the action that it runs.',
      severity: 'error',
      from: { path: '^src/user-api/', pathNot: '^src/user-api/actions/' },
      to: { path: '^src/pipeline/pipeline\\.ts$' },
    },
    {
      name: 'only-the-contract-of-managers',
      comment: 'A control loop lives with what it serves and knows the contract; the host knows no loop.',
      severity: 'error',
      from: { path: '^src/(media|pipeline|ssot|categories|fleet|gateway|user-api)/' },
      to: { path: '^src/managers/', pathNot: MANAGER_CONTRACT },
    },
    {
      name: 'managers-know-no-loop',
      severity: 'error',
      from: { path: '^src/managers/' },
      to: { path: '^src/(media|pipeline|ssot|categories|fleet|gateway|user-api)/' },
    },
    {
      name: 'nobody-imports-entry-points',
      severity: 'error',
      from: { path: '^src/', pathNot: ENTRY },
      to: { path: ENTRY, pathNot: '^src/metadata\\.ts$' },
    },
    {
      name: 'product-imports-no-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(test|bench)/|\\.spec\\.ts$' },
    },
    {
      name: 'only-declared-packages',
      comment: 'What the product imports must be in dependencies: devDependencies are not in the image.',
      severity: 'error',
      // Building before the start is for checkouts, which have them all.
      from: { path: '^src/', pathNot: ['\\.spec\\.ts$', '^src/up/ensure-build\\.mjs$'] },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'browser-client-runs-in-browsers',
      comment: 'The console and other pages import it.',
      severity: 'error',
      from: { path: '^src/gateway/client/browser\\.ts$' },
      to: {
        path: '^(node:)?[a-z_]+$|(^|/)node_modules/ws/|^src/(?!gateway/(client/|protocol\\.ts))',
        reachable: true,
      },
    },
    {
      name: 'no-missing-files',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.lua$' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Type imports are dependencies of the reader too, if not of the running program.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'default', 'types'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
