import { resolve } from 'node:path';
import { EnvError, loadEnv } from './env';
import { renderEnvExample } from './env-example';

describe('loadEnv', () => {
  it('gives defaults for an empty environment', () => {
    const env = loadEnv({});
    expect(env).toMatchObject({ port: 3000, wsPort: 8765, host: '127.0.0.1', allowBundledFfmpeg: true });
    expect(env.storageDir).toBe(resolve('.agentos/blobs'));
    expect(env.adminIpAllowlist).toEqual(['127.0.0.0/8', '::1/128']);
  });

  it('takes an empty value for a missing one', () => expect(loadEnv({ PORT: '' }).port).toBe(3000));

  it('refuses the bundled ffmpeg in production unless it is allowed', () => {
    expect(loadEnv({ NODE_ENV: 'production' }).allowBundledFfmpeg).toBe(false);
    expect(loadEnv({ NODE_ENV: 'production', ALLOW_BUNDLED_FFMPEG: '1' }).allowBundledFfmpeg).toBe(true);
  });

  it('migrates as the owner where one is given, else as the application', () => {
    const url = 'postgres://app@localhost/x';
    expect(loadEnv({ DATABASE_URL: url }).migrationDatabaseUrl).toBe(url);
    expect(
      loadEnv({ DATABASE_URL: url, MIGRATION_DATABASE_URL: 'postgres://o@localhost/x' }).migrationDatabaseUrl,
    ).toBe('postgres://o@localhost/x');
  });

  it('exports spans only where there is an endpoint', () => {
    const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in?x=1' };
    expect(loadEnv({ OTEL_TRACES_SAMPLER: 'always_on' }).otlp).toBeUndefined();
    expect(loadEnv(base).otlp).toEqual({
      url: 'http://collector:4318/v1/traces',
      sampler: 'parentbased_always_on',
      samplerArg: 1,
      delayMs: 5_000,
    });
    expect(loadEnv({ ...base, ...own }).otlp?.url).toBe(own.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
  });

  it.each([
    ['PORT', '99999'],
    ['PORT', 'http'],
    ['WORKER_CONCURRENCY', '0'],
    ['WORKER_CONCURRENCY', '1.5'],
    ['WORKER_POOL', 'Gpu'],
    ['WORKER_POOL', 'g'.repeat(33)],
    ['LOG_LEVEL', 'loud'],
    ['DATABASE_URL', 'mysql://x'],
    ['MIGRATION_DATABASE_URL', 'owner@localhost/x'],
    ['PUBLIC_URL', 'videos.example.com'],
    ['OPERATIONS_CONCURRENCY', '0'],
    ['OPERATIONS_CONCURRENCY', '1.5'],
    ['REDIS_URL', 'not a url'],
    ['ALLOW_BUNDLED_FFMPEG', 'perhaps'],
    ['NODE_ENV', 'prod'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5'],
    ['RUNTIME_DRIVER', 'kubernetes'],
    ['ADMIN_IP_ALLOWLIST', '10.0.0.0/33'],
    ['ADMIN_IP_ALLOWLIST', '10.0.0.0/0'],
    ['ADMIN_IP_ALLOWLIST', '10.0.0.0/8, office'],
    ['ADMIN_IP_ALLOWLIST', ','],
    ['TRUSTED_PROXIES', '012.0.0.1'],
    ['TRUSTED_PROXIES', 'true'],
  ])('stops on %s=%s and names it', (name, value) => {
    expect(() => loadEnv({ [name]: value })).toThrow(EnvError);
    expect(() => loadEnv({ [name]: value })).toThrow(new RegExp(`^${name} `));
  });

  it('takes the process driver where the launcher says so, and the swarm only where it is asked for', () => {
    const runtime = (given: Record<string, string>) => loadEnv(given).runtime;
    expect(runtime({})).toEqual({ kind: 'none' });
    expect(runtime({ DOCKER_HOST: 'ssh://somewhere.else' })).toEqual({ kind: 'none' });
    expect(runtime({ LAUNCHER_SOCKET: '/run/l.sock' })).toEqual({ kind: 'process', socket: '/run/l.sock' });
    expect(runtime({ RUNTIME_DRIVER: 'swarm' })).toEqual({
      kind: 'swarm',
      docker: { socketPath: '/var/run/docker.sock' },
      stack: 'agentos',
    });
    const proxied = { RUNTIME_DRIVER: 'swarm', DOCKER_HOST: 'tcp://docker:2375', SWARM_STACK: 'clips' };
    expect(runtime(proxied)).toEqual({
      kind: 'swarm',
      docker: { host: 'docker', port: 2375 },
      stack: 'clips',
    });
    expect(runtime({ LAUNCHER_SOCKET: '/run/l.sock', RUNTIME_DRIVER: 'none' })).toEqual({ kind: 'none' });
  });

  it.each(['ssh://host', 'tcp://host', 'unix://', '/var/run/docker.sock', 'tcp://host:1/path'])(
    'stops on DOCKER_HOST=%s for the swarm, and names it',
    (host) => {
      expect(() => loadEnv({ RUNTIME_DRIVER: 'swarm', DOCKER_HOST: host })).toThrow(/^DOCKER_HOST must be/);
    },
  );

  it('stops on a process driver that has no launcher', () => {
    expect(() => loadEnv({ RUNTIME_DRIVER: 'process' })).toThrow(/^LAUNCHER_SOCKET must be given/);
  });

  it('lists every variable in .env.example, with its default', () => {
    const example = renderEnvExample();
    expect(example).toContain('# PORT=3000');
    expect(example).toContain('# ADMIN_EMAIL=admin@agentos.local');
    expect(example).toContain('# ADMIN_IP_ALLOWLIST=127.0.0.0/8,::1/128');
  });
});
