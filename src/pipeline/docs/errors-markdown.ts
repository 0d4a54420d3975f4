import { ERROR_CODES, type ErrorCodeInfo } from '../../platform/errors/error-codes';

/** docs/errors.md: every code, what it means and what to do. */
export function renderErrorsMarkdown(): string {
  const rows = Object.entries<ErrorCodeInfo>(ERROR_CODES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, meaning, advice }]) => `| \`${code}\` | ${status} | ${meaning} | ${advice} |`);
  return `${[
    '# Error codes',
    '',
    'Generated from the code by `npm run docs:generate`; not to be edited. The list is closed: clients may',
    'switch on `error_code`.',
    '',
    '| code | status | what it means | what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`;
}
