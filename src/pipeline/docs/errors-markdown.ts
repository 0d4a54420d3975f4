import { AGENT_ERRORS } from '../../media/agents/agent-error';
import { FLOW_ERRORS } from '../../media/flow/step-failure';
import { AppError } from '../../platform/errors/app-error';
import { ERROR_CODES, type ErrorCodeInfo } from '../../platform/errors/error-codes';
import { bodyField } from '../../platform/errors/field-errors';
import { errorBody, problemOf } from '../../platform/http/error-body';
import { JOB_ERROR_ADVICE } from './job-error-advice';

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
  const ofJobs = jobErrors().map(
    ({ code, sentence, retryable }) =>
      `| \`${code}\` | ${sentence} | ${retryable ? 'yes' : 'no'} | ${JOB_ERROR_ADVICE[code]} |`,
  );
  return `${[
    INTRODUCTION,
    '',
    '| code | status | what it means | what to do |',
    '| --- | --- | --- | --- |',
    ...codes,
    '',
    '## Codes of jobs and steps that failed',
    '',
    'In `error.code` of a job or step. What is worth another try is tried again by itself, up to the limit of attempts;',
    'what to do is said of a job that has failed for good. A job is retried with `POST /api/jobs/{job_id}/retry` or',
    '`job.retry`.',
    '',
    '| code | what it means | worth another try | what to do |',
    '| --- | --- | --- | --- |',
    ...ofJobs,
  ].join('\n')}\n`;
}

interface JobError {
  code: keyof typeof JOB_ERROR_ADVICE;
  sentence: string;
  retryable: boolean;
}

/** Those of agents and those of what runs them. */
function jobErrors(): JobError[] {
  const ofAgents = Object.entries(AGENT_ERRORS).map(([code, facts]) => ({ code, ...facts }));
  const ofFlow = Object.entries(FLOW_ERRORS).map(([code, sentence]) => ({
    code,
    sentence,
    retryable: code !== 'SOURCE_MISSING',
  }));
  return ([...ofAgents, ...ofFlow] as JobError[]).sort((a, b) => (a.code < b.code ? -1 : 1));
}

function json(value: unknown): string {
  return `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
}
