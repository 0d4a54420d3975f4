'use strict';

// Loaded in front of a process (NODE_OPTIONS=--require): says at its end what of OpenTelemetry it has loaded.
process.on('exit', () => {
  const loaded = Object.keys(require.cache)
    .map((file) => /node_modules\/(@opentelemetry\/[^/]+)\//.exec(file)?.[1])
    .filter(Boolean);
  process.stdout.write(`${JSON.stringify({ opentelemetry: [...new Set(loaded)].sort() })}\n`);
});
