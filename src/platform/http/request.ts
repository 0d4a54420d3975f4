import type { AppError } from '../errors/app-error';
import type { Actor } from '../security/roles';
import type { TraceScope } from '../telemetry/trace-scope';
import type { AllowedMethods } from './allowed-methods';

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods that each path answers. */
    allowedMethods: AllowedMethods;
    /** What helmet sets, the same in every answer; names in lower case. */
    securityHeaders: Readonly<Record<string, string>>;
  }
  interface FastifyRequest {
    /** The id that this request has in logs, audit and answers. */
    traceId: string;
    /** The trace that it belongs to, with its span where spans are recorded. */
    trace: TraceScope;
    /** Where it comes from; X-Forwarded-For counts only behind trusted proxies. */
    clientIp: string;
    /** When it came, by the monotonic clock, in milliseconds. */
    startedAt: number;
    /** Who sends it, once the access token has been verified. */
    actor?: Actor;
    /** Why it was refused, unless the pipeline did that. */
    refusal?: AppError;
  }
}
