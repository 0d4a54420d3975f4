import { join } from 'node:path';
import { childEnvironment, homeFolder, launcherSettings, PROJECT, type Endpoints } from './settings';

const endpoints: Endpoints = {
  database_url: 'postgres://agentos_app:a@127.0.0.1:1/agentos',
  migration_database_url: 'postgres://agentos_owner:o@127.0.0.1:1/agentos',
  redis_url: 'redis://:r@127.0.0.1:2',
  api_url: 'http://localhost:3000',
  ws_url: 'ws://localhost:8765',
};

describe('the settings of npm start', () => {
  it('needs none: private servers in the project folder, one process of each role', () => {
    expect(launcherSettings({})).toMatchObject({
      home: join(PROJECT, '.agentos'),
      databaseUrl: undefined,
      migrationDatabaseUrl: undefined,
      redisUrl: undefined,
      adminEmail: 'admin@agentos.local',
      adminPassword: undefined,
      workers: 1,
      managers: 1,
      sample: true,
    });
  });

  it('migrates with the given DATABASE_URL unless another one is given for that', () => {
    const url = 'postgres://me@db.example/x';
    expect(launcherSettings({ DATABASE_URL: url }).migrationDatabaseUrl).toBe(url);
    const owner = 'postgres://owner@db.example/x';
    expect(launcherSettings({ DATABASE_URL: url, MIGRATION_DATABASE_URL: owner }).migrationDatabaseUrl).toBe(
      owner,
    );
  });

  it.each([
    [{ WORKERS: 'x' }, /^WORKERS must be a whole number from 0 to 32\.$/],
    [{ ADMIN_PASSWORD: 'short' }, /^ADMIN_PASSWORD must have at least 8 characters\.$/],
    [{ ADMIN_EMAIL: 'nobody' }, /^ADMIN_EMAIL must be an e-mail address\.$/],
    [{ REDIS_URL: 'http://x' }, /^REDIS_URL must be a URL/],
    [{ AGENTOS_SAMPLE: 'perhaps' }, /^AGENTOS_SAMPLE /],
  ])('refuses %j with a sentence', (env, message) => {
    expect(() => launcherSettings(env)).toThrow(message);
  });

  it('takes AGENTOS_HOME from the folder where the command was given', () => {
    expect(homeFolder({ AGENTOS_HOME: 'data' })).toBe(join(process.cwd(), 'data'));
  });

  it('gives the processes what they need, and neither the owner of the database nor the admin password', () => {
    const given = {
      ADMIN_PASSWORD: 'secret-enough',
      MIGRATION_DATABASE_URL: endpoints.migration_database_url,
    };
    const before = { ...process.env };
    Object.assign(process.env, given, { npm_config_x: '1' });
    try {
      const env = childEnvironment(
        launcherSettings({ AGENTOS_HOME: '/srv/agentos' }),
        endpoints,
        '/run/l.sock',
      );
      expect(env).toMatchObject({
        AGENTOS_HOME: '/srv/agentos',
        DATABASE_URL: endpoints.database_url,
        REDIS_URL: endpoints.redis_url,
        LAUNCHER_SOCKET: '/run/l.sock',
      });
      expect(Object.keys(env).filter((key) => /ADMIN_PASSWORD|MIGRATION|npm_/.test(key))).toEqual([]);
    } finally {
      process.env = before;
    }
  });
});
