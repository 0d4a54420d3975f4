/** What the tests use of a package that comes without types. */
declare module '@20minutes/s3rver' {
  import type { IncomingMessage, Server } from 'node:http';

  export default class S3rver {
    constructor(options: {
      address: string;
      port: number;
      silent: boolean;
      allowMismatchedSignatures: boolean;
      directory: string;
      configureBuckets: { name: string; configs: string[] }[];
    });
    readonly httpServer: Server;
    /** As it is a Koa, those that a request passes through. */
    readonly middleware: ((context: { req: IncomingMessage }, next: () => Promise<void>) => Promise<void>)[];
    run(): Promise<unknown>;
    close(): Promise<void>;
  }
}
