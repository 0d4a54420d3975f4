import { AGENT_ERRORS } from '../../media/agents/agent-error';
import { FLOW_ERRORS } from '../../media/flow/step-failure';
import { ERROR_CODES } from '../../platform/errors/error-codes';
import { renderErrorsMarkdown } from './errors-markdown';

describe('docs/errors.md', () => {
  const [ofRequests = '', ofJobs = ''] = renderErrorsMarkdown().split('## Codes of jobs');
  const cellsOf = (text: string, code: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(`| \`${code}\` |`))
      ?.split('|')
      .map((cell) => cell.trim());

  it.each(Object.keys(ERROR_CODES))('says what to do about %s', (code) => {
    expect(cellsOf(ofRequests, code)?.[4]).toMatch(/^\S.*\.$/);
  });

  it.each([...Object.keys(AGENT_ERRORS), ...Object.keys(FLOW_ERRORS)])(
    'has %s among the codes of jobs that failed, and says what to do about it',
    (code) => expect(cellsOf(ofJobs, code)?.[4]).toMatch(/^[A-Z].*\.$/),
  );
});
