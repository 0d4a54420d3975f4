import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import type { Variables } from './env';

/** A server that speaks S3, within the test, with one bucket. It stands in for AWS. */
export interface TestS3 {
  /** What makes a process use it. */
  variables: Variables;
  /** Where it keeps the objects. */
  folder: string;
  close(): Promise<void>;
}

const BUCKET = 'agentos-test';
/** The one key that it knows. */
const KEY = 'S3RVER';

/** Starts one on a free port. */
export async function startS3(): Promise<TestS3> {
  const folder = await mkdtemp(join(tmpdir(), 's3-'));
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    // It misreads how the client signs what concerns the bucket as a whole.
    allowMismatchedSignatures: true,
    directory: folder,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  });
  const { port } = (await server.run()) as AddressInfo;
  return {
    variables: {
      S3_BUCKET: BUCKET,
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_ACCESS_KEY_ID: KEY,
      S3_SECRET_ACCESS_KEY: KEY,
      S3_PATH_STYLE: 'true',
    },
    folder: join(folder, BUCKET),
    close: async () => {
      // It waits for connections that clients keep, and has nothing to lose by not doing so.
      server.httpServer.closeAllConnections();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
