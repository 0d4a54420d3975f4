'use strict';

/**
 * Notes where each change is on its way to the eyes: its commit, the call that publishes an event of it, the message
 * at an api, and when it has been written to all there. Times are milliseconds of the machine's monotonic clock, which
 * all of its processes share. A process of the product gets it by `-r`: SIGUSR2 then has it write what it has noted
 * since the last time to the file BENCH_STAMPS.
 */
const { AsyncLocalStorage } = require('node:async_hooks');
const { renameSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { monitorEventLoopDelay, PerformanceObserver } = require('node:perf_hooks');

const now = () => Number(process.hrtime.bigint()) / 1e6;

/** Begins to note; the answer gives what was noted since it was last asked. */
exports.install = ({ LiveFeed, FlowEvents, QueueAdmin }) => {
  const commits = new AsyncLocalStorage();
  const loop = monitorEventLoopDelay({ resolution: 2 });
  loop.enable();
  let published = [];
  let received = [];
  let gcMs = [];
  new PerformanceObserver((list) => gcMs.push(...list.getEntries().map(({ duration }) => duration))).observe({
    entryTypes: ['gc'],
  });

  /** Of a method that is called as soon as a commit has returned. */
  const afterCommit = (prototype, name) => {
    const original = prototype[name];
    prototype[name] = function (...args) {
      return commits.run(now(), () => original.apply(this, args));
    };
  };
  afterCommit(FlowEvents.prototype, 'committed');
  afterCommit(QueueAdmin.prototype, 'follow');

  const { publish, listen } = LiveFeed.prototype;
  LiveFeed.prototype.publish = function (topic, data) {
    published.push({ topic, data, committed: commits.getStore() ?? null, published: now() });
    return publish.call(this, topic, data);
  };
  LiveFeed.prototype.listen = function (handler, resumed) {
    const noting = (event) => {
      const at = now();
      handler(event);
      received.push({ topic: event.topic, json: event.json, received: at, written: now() });
    };
    return listen.call(this, noting, resumed);
  };

  return () => {
    const noted = {
      published: published.map(({ data, ...call }) => ({ ...call, json: JSON.stringify(data) })),
      received,
      gcMs,
      loopMs: { p99: loop.percentile(99) / 1e6, max: loop.max / 1e6 },
    };
    [published, received, gcMs] = [[], [], []];
    loop.reset();
    return noted;
  };
};

const file = process.env.BENCH_STAMPS;
if (file) {
  const built = (path) => require(join(dirname(process.argv[1]), path));
  const take = exports.install({
    ...built('platform/feed/live-feed.js'),
    ...built('media/flow/flow-events.js'),
    ...built('media/flow/queues/queue-admin.service.js'),
  });
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.new`, JSON.stringify(take()));
    renameSync(`${file}.new`, file);
  });
}
