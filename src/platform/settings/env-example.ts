import { FULL_ENV_SPEC } from './env';

/** The text of `.env.example`: each variable with its meaning and default. */
export function renderEnvExample(): string {
  const lines = Object.entries(FULL_ENV_SPEC).flatMap(([name, spec]) => {
    const fallback = text(spec.default);
    const choices = spec.choices ? ` (${spec.choices.join(', ')})` : '';
    return ['', `# ${sentence(spec.desc ?? '')}${choices}`, `# ${name}=${fallback}`];
  });
  return [
    '# What a process reads from its environment. All have defaults; `npm start` needs none. It and dev, demo, seed,',
    '# keys:rotate, audit:verify and user:erase also read a file .env in the folder of package.json; what the environment',
    '# has already counts. In the image of docker/Dockerfile, NAME_FILE may name a file with the value of DATABASE_URL,',
    '# MIGRATION_DATABASE_URL, REDIS_URL, ADMIN_PASSWORD, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.',
    ...lines,
    '',
  ].join('\n');
}

/** As it would stand in the environment. */
function text(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
