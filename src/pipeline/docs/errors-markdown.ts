import { AGENT_ERRORS } from '../../media/agents/agent-error';
import { AppError } from '../../platform/errors/app-error';
import { ERROR_CODES, type ErrorCodeInfo } from '../../platform/errors/error-codes';
import { bodyField } from '../../platform/errors/field-errors';
import { errorBody, problemOf } from '../../platform/http/error-body';

const EXAMPLE = {
  ...errorBody(
    new AppError('VALIDATION_ERROR', undefined, {
      details: [bodyField(['payload', 'job_id'], 'job_id must be a UUID')],
    }),
    '4bf92f3577b34da6a3ce929d0e0e4736',
  ),
  timestamp: '2026-01-01T12:00:00.000Z',
};

const INTRODUCTION = `# Error codes

Generated from the code by \`npm run docs:generate\`; not to be edited. The list is closed: clients may switch on
\`error_code\`. \`help\` is the advice of the table below.

${json(EXAMPLE)}

With \`Accept: application/problem+json\` every error has the form of RFC 9457 instead. Named beside
\`application/json\`, it is used unless JSON has the greater weight (\`q\`); wildcards mean the form above.

${json(problemOf(EXAMPLE))}

\`path\` is a JSON Pointer where a field of a JSON body is meant, else the name of a parameter. A 429 of a limit has
\`violated-policies\` (above: \`violated_policies\`), the names that \`RateLimit-Policy\` gives them. An answer that is
replayed for an idempotency key has the same content in either form, and is the same byte for byte each time it is
asked for in the same form.`;

/** docs/errors.md: every code, what it means and what to do. */
export function renderErrorsMarkdown(): string {
  const codes = Object.entries<ErrorCodeInfo>(ERROR_CODES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, meaning, advice }]) => `| \`${code}\` | ${status} | ${meaning} | ${advice} |`);
  const ofJobs = Object.entries<{ retryable: boolean; sentence: string }>(AGENT_ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { retryable, sentence }]) => `| \`${code}\` | ${sentence} | ${retryable ? 'yes' : 'no'} |`);
  return `${[
    INTRODUCTION,
    '',
    '| code | status | what it means | what to do |',
    '| --- | --- | --- | --- |',
    ...codes,
    '',
    '## Codes of jobs and steps that failed',
    '',
    'In `error.code` of a job or step. What is worth another try is tried again by itself, up to the limit of attempts.',
    '',
    '| code | what it means | worth another try |',
    '| --- | --- | --- |',
    ...ofJobs,
  ].join('\n')}\n`;
}

function json(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}
