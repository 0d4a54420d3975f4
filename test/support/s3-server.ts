import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import type { Variables } from './env';
import { isSigned } from './s3-signature';

/** A server that speaks S3, within the test, with one bucket. It stands in for AWS. */
export interface TestS3 {
  /** What makes a process use it. */
  variables: Variables;
  /** Where it keeps the objects. */
  folder: string;
  /** Called with each request before it is answered, which waits for it. */
  before: (request: IncomingMessage) => Promise<void> | void;
  close(): Promise<void>;
}

const BUCKET = 'agentos-test';
/** The one key that it knows, and its secret. */
const KEY = 'S3RVER';
/** As S3 itself refuses who has another secret. */
const REFUSAL = '<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.</Message></Error>';

/** Starts one on a free port. */
export async function startS3(): Promise<TestS3> {
  const folder = await mkdtemp(join(tmpdir(), 's3-'));
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    // It misreads how the client signs what concerns the bucket as a whole; so the signatures are checked before it.
    allowMismatchedSignatures: true,
    directory: folder,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  });
  server.middleware.unshift(async (context, next) => {
    await s3.before(context.req);
    if (isSigned(context.req, KEY)) return next();
    Object.assign(context, { status: 403, type: 'application/xml', body: REFUSAL });
  });
  const { port } = (await server.run()) as AddressInfo;
  const s3: TestS3 = {
    before: () => undefined,
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
  return s3;
}
