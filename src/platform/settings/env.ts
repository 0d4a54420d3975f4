import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { bool, cleanEnv, port, str, type ValidatorSpec } from 'envalid';
import { EnvError } from './env-error';
import { connectionUrl, fraction, list, networks, poolName, tokens, wholeNumber } from './env-validators';
import { LOG_LEVELS } from '../telemetry/logs/log-levels';
import { DEFAULT_POOL, MAX_CONCURRENCY, MAX_WORKERS } from './fleet.settings';
import { runtimeOf } from './runtime-env';
import { S3_ENV_SPEC, s3Of } from './s3-env';

export { EnvError } from './env-error';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Where spans go, and which. */
export interface OtlpEnv {
  readonly url: string;
  readonly sampler: (typeof SAMPLERS)[number];
  /** The share of traces, for the samplers by ratio. */
  readonly samplerArg: number;
  /** Longest wait of a finished span for others to be sent with, in milliseconds. */
  readonly delayMs: number;
}

/**
 * Everything that a process reads from its environment, with type, default and meaning.
 * `.env.example` is generated from this list.
 */
export const ENV_SPEC = {
  NODE_ENV: str({
    choices: ['development', 'test', 'production'] as const,
    default: 'development',
    desc: 'production refuses what is only fit for trying out',
  }),
  HOST: str({ default: '127.0.0.1', desc: 'the address to listen on' }),
  PORT: port({ default: 3000, desc: 'REST, Swagger, health, metrics' }),
  WS_PORT: port({ default: 8765, desc: 'the WebSocket gateway' }),
  PUBLIC_URL: connectionUrl(['http', 'https'])({
    default: '',
    desc: 'how clients reach the API, for links; empty = http://localhost:PORT',
  }),
  DATABASE_URL: connectionUrl(['postgres', 'postgresql'])({
    default: 'postgres://agentos@127.0.0.1:5432/agentos',
    desc: 'Postgres 13 or newer; npm start runs a private one if it is not given',
  }),
  MIGRATION_DATABASE_URL: connectionUrl(['postgres', 'postgresql'])({
    default: '',
    desc: 'as the role that owns the tables, for migrations; empty = DATABASE_URL',
  }),
  DATABASE_POOL: wholeNumber(2, 200)({ default: 10, desc: 'connections to Postgres per process' }),
  REDIS_URL: connectionUrl(['redis', 'rediss'])({
    default: 'redis://127.0.0.1:6379',
    desc: 'Redis or Valkey 6 or newer; npm start runs a private one if it is not given',
  }),
  REDIS_PREFIX: str({ default: 'agentos', desc: 'what all keys in Redis begin with' }),
  AGENTOS_HOME: str({ default: '.agentos', desc: 'data, logs, keys and files of an installation' }),
  STORAGE_DIR: str({ default: '', desc: 'the blob store; empty = AGENTOS_HOME/blobs' }),
  ...S3_ENV_SPEC,
  KEYS_DIR: str({ default: '', desc: 'signing keys; empty = AGENTOS_HOME/keys' }),
  AUDIT_CHECKPOINT_FILE: str({
    default: '',
    desc: 'where the audit is witnessed outside Postgres, best on another disk; empty = AGENTOS_HOME/audit/checkpoints.log',
  }),
  WORK_DIR: str({ default: '', desc: 'scratch space of the workers; empty = AGENTOS_HOME/work' }),
  LOG_LEVEL: str({
    choices: [...LOG_LEVELS, 'silent'] as const,
    default: 'info',
    desc: 'the least level that is logged',
  }),
  ADMIN_IP_ALLOWLIST: networks(1)({
    default: ['127.0.0.0/8', '::1/128'],
    desc: 'who may call /api/admin and /metrics, operate agents, and follow topics that are not their own, as comma-separated CIDR ranges',
  }),
  TRUSTED_PROXIES: networks(0)({
    default: [],
    desc: 'the proxies whose X-Forwarded-For is believed, as comma-separated CIDR ranges',
  }),
  CORS_ORIGINS: list({ default: [], desc: 'foreign origins that may call the API from a browser' }),
  WS_ORIGINS: list({ default: [], desc: 'further origins that may open the gateway from a browser' }),
  HTTP_TIMEOUT_MS: wholeNumber(
    100,
    600_000,
  )({
    default: 10_000,
    desc: 'how long the headers of a request may take, and after them its JSON body, in milliseconds',
  }),
  WORKER_POOL: poolName({
    default: DEFAULT_POOL,
    desc: 'set by npm start and docker/stack.yaml: the pool that a worker belongs to',
  }),
  WORKER_CONCURRENCY: wholeNumber(
    1,
    MAX_CONCURRENCY,
  )({
    default: 1,
    desc: 'steps that a worker runs at a time, unless the settings of its pool say how many',
  }),
  WORKER_ID: str({ default: '', desc: 'the name of a worker; empty = a new one' }),
  HTTP_AGENT_TOKENS: tokens({
    default: {},
    desc: 'workers: bearer tokens of the services that agents of the type http call, as name=token,other=token',
  }),
  INSTANCE_ID: str({ default: '', desc: 'the name of this process in logs and leases; empty = a new one' }),
  FFMPEG_PATH: str({ default: '', desc: 'ffmpeg to use; empty = found' }),
  FFPROBE_PATH: str({ default: '', desc: 'ffprobe to use; empty = found' }),
  ALLOW_BUNDLED_FFMPEG: bool({
    default: undefined,
    devDefault: true,
    desc: 'allow the old bundled ffmpeg, which is for trying out only; default true except in production',
  }),
  ASR_COMMAND: str({
    default: '',
    desc: 'a command that turns speech into text for captions, without a shell: see docs/agents.md; empty = none',
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: connectionUrl(['http', 'https'])({
    default: '',
    desc:
      'where spans are exported to by OTLP over HTTP, as http://localhost:4318; empty = not at all. The exporter also ' +
      'reads OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION and _CERTIFICATE, OTEL_SERVICE_NAME and ' +
      'OTEL_RESOURCE_ATTRIBUTES',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: connectionUrl(['http', 'https'])({
    default: '',
    desc: 'the same as a whole URL; empty = /v1/traces below the endpoint',
  }),
  OTEL_TRACES_SAMPLER: str({
    choices: SAMPLERS,
    default: 'parentbased_always_on',
    desc: 'which traces are exported; parentbased follows the traceparent of the client',
  }),
  OTEL_TRACES_SAMPLER_ARG: fraction({ default: 1, desc: 'the share of traces, for the samplers by ratio' }),
  OTEL_BSP_SCHEDULE_DELAY: wholeNumber(
    10,
    60_000,
  )({
    default: 5_000,
    desc: 'how long a finished span waits for others to be sent with, in milliseconds',
  }),
  RUNTIME_DRIVER: str({
    choices: ['process', 'swarm', 'none'] as const,
    default: undefined,
    desc: 'what starts and stops processes; empty = process where LAUNCHER_SOCKET is given, else none',
  }),
  LAUNCHER_SOCKET: str({ default: '', desc: 'set by npm start: where its process control listens' }),
  DOCKER_HOST: str({
    default: 'unix:///var/run/docker.sock',
    desc: 'swarm: the engine of a manager node, as unix:///PATH or tcp://HOST:PORT',
  }),
  SWARM_STACK: str({ default: 'agentos', desc: 'swarm: the name that the stack was deployed under' }),
  SERVICE_NAME: str({
    default: '',
    desc: 'set by npm start and docker/stack.yaml: how the runtime driver calls this process',
  }),
  PULSE_FILE: str({
    default: '',
    desc: 'a file that a worker or manager writes once a second while its work goes on, for health checks; empty = none',
  }),
  OPERATIONS_CONCURRENCY: wholeNumber(
    1,
    32,
  )({ default: 2, desc: 'admin operations that a manager process runs at a time' }),
};

const LAUNCHER_ONLY = {
  ADMIN_EMAIL: str({ default: 'admin@agentos.local', desc: 'npm start: the first admin' }),
  ADMIN_PASSWORD: str({ default: '', desc: 'npm start: their password; empty = made and printed once' }),
  WORKERS: wholeNumber(
    0,
    MAX_WORKERS,
  )({
    default: 1,
    desc: 'npm start: worker processes of the pool default, unless its settings say how many',
  }),
  MANAGERS: wholeNumber(1, 8)({ default: 1, desc: 'npm start: manager processes' }),
  AGENTOS_SAMPLE: bool({
    default: true,
    desc: 'npm start: run a sample video through an empty installation',
  }),
};

/** The environment as `.env.example` lists it: with what only `npm start` reads. */
export const FULL_ENV_SPEC: Record<string, ValidatorSpec<unknown>> = { ...ENV_SPEC, ...LAUNCHER_ONLY };

/** Nest's injection token of {@link Env}. */
export const ENV = Symbol('ENV');

/** The validated environment of a process. Paths are absolute. */
export type Env = Readonly<ReturnType<typeof loadEnv>>;

/**
 * Reads and validates the environment, once at start.
 *
 * @throws EnvError naming the first value that is wrong, and why
 */
export function loadEnv(source: NodeJS.ProcessEnv = process.env) {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const env = cleanEnv(given, ENV_SPEC, {
    reporter: ({ errors }) => {
      const [first] = Object.entries(errors);
      if (first) throw new EnvError(`${first[0]} ${(first[1] as Error | undefined)?.message ?? 'is wrong'}`);
    },
  });
  const home = resolve(env.AGENTOS_HOME);
  const production = env.NODE_ENV === 'production';
  const collector = env.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/$/, '');
  const tracesUrl = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || (collector && `${collector}/v1/traces`);
  const otlp: OtlpEnv = {
    url: tracesUrl,
    sampler: env.OTEL_TRACES_SAMPLER,
    samplerArg: env.OTEL_TRACES_SAMPLER_ARG,
    delayMs: env.OTEL_BSP_SCHEDULE_DELAY,
  };
  return {
    production,
    /** Only puts the application together and connects to nothing, to describe it. Not read from the environment. */
    offline: false as boolean,
    /** What this process is: `api`, `worker` or `manager`. Not read from the environment. */
    role: 'process' as string,
    host: env.HOST,
    port: env.PORT,
    wsPort: env.WS_PORT,
    publicUrl: (env.PUBLIC_URL || `http://localhost:${env.PORT}`).replace(/(?<!\/)\/+$/, ''),
    databaseUrl: env.DATABASE_URL,
    migrationDatabaseUrl: env.MIGRATION_DATABASE_URL || env.DATABASE_URL,
    databasePool: env.DATABASE_POOL,
    redisUrl: env.REDIS_URL,
    redisPrefix: env.REDIS_PREFIX,
    home,
    storageDir: resolve(env.STORAGE_DIR || `${home}/blobs`),
    /** Undefined: files live in {@link storageDir}. */
    s3: s3Of(env),
    keysDir: resolve(env.KEYS_DIR || `${home}/keys`),
    auditCheckpointFile: resolve(env.AUDIT_CHECKPOINT_FILE || `${home}/audit/checkpoints.log`),
    workDir: resolve(env.WORK_DIR || `${home}/work`),
    logLevel: env.LOG_LEVEL,
    adminIpAllowlist: env.ADMIN_IP_ALLOWLIST,
    trustedProxies: env.TRUSTED_PROXIES,
    corsOrigins: env.CORS_ORIGINS,
    wsOrigins: env.WS_ORIGINS,
    httpTimeoutMs: env.HTTP_TIMEOUT_MS,
    workerPool: env.WORKER_POOL,
    workerConcurrency: env.WORKER_CONCURRENCY,
    workerId: env.WORKER_ID || `worker-${randomUUID().slice(0, 8)}`,
    httpAgentTokens: env.HTTP_AGENT_TOKENS,
    instanceId: env.INSTANCE_ID || randomUUID(),
    ffmpegPath: env.FFMPEG_PATH || undefined,
    ffprobePath: env.FFPROBE_PATH || undefined,
    allowBundledFfmpeg: env.ALLOW_BUNDLED_FFMPEG ?? !production,
    asrCommand: env.ASR_COMMAND || undefined,
    /** PATH, to look for tools in. */
    searchPath: source.PATH,
    /** Undefined: spans are neither recorded nor exported. */
    otlp: tracesUrl ? otlp : undefined,
    runtime: runtimeOf(env),
    /** How the runtime driver calls this process; undefined where none runs it. */
    serviceName: env.SERVICE_NAME || undefined,
    /** Undefined: no health check looks at this process. */
    pulseFile: env.PULSE_FILE ? resolve(env.PULSE_FILE) : undefined,
    operationsConcurrency: env.OPERATIONS_CONCURRENCY,
  };
}
