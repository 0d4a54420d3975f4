import { Cluster } from '../support/cluster';
import { OtlpCollector } from '../support/otlp-collector';
import { startS3, type TestS3 } from '../support/s3-server';
import { badInput } from './cases/bad-input';
import { operator } from './cases/operator';
import { tracedBy, tracing } from './cases/tracing';
import { video } from './cases/video';

describe('an installation with its files in S3, whose spans are collected', () => {
  let s3: TestS3;
  let collector: OtlpCollector;
  let cluster: Cluster;

  beforeAll(async () => {
    [s3, collector] = await Promise.all([startS3(), OtlpCollector.start()]);
    cluster = await Cluster.start({ variables: { ...s3.variables, ...tracedBy(collector) } });
  });
  afterAll(async () => {
    await cluster?.stop();
    await collector?.close();
    await s3?.close();
  });

  describe('and the way of a video through it', () => video(() => ({ cluster, s3 })));
  describe('and an operator', () => operator(() => cluster));
  describe('and files that cannot be processed', () => badInput(() => cluster));
  // Ends its collector, and a worker.
  describe('and traces', () => tracing(() => ({ cluster, collector })));
});
