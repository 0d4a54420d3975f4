/** What stands at the root. */
export class RootInfo {
  /** @example AgentOS */
  name!: string;
  /** @example 1.0.0 */
  version!: string;
  /** Where the Swagger UI is. @example /docs */
  docs!: string;
  /** The OpenAPI document. @example /docs/openapi.json */
  openapi!: string;
  /** Where the live feed is. @example ws://localhost:8765 */
  websocket!: string;
}

/** The process answers. */
export class Liveness {
  /** @example ok */
  status!: 'ok';
  /** Seconds since the process started. @example 3600 */
  uptime_s!: number;
}

/** One thing that the process needs. */
export class ReadinessCheck {
  /** @example postgres */
  name!: string;
  /** @example true */
  ok!: boolean;
  /** How long the check took, in milliseconds. @example 1.2 */
  latency_ms!: number;
}

/** Whether the process can do its work. */
export class Readiness {
  /** @example ready */
  status!: 'ready' | 'not_ready';
  checks!: ReadinessCheck[];
}
