import { AppError } from '../../platform/errors/app-error';
import { AgentError } from '../agents/agent-error';
import { failureOf, flowFailure } from './step-failure';

describe('a failure', () => {
  it('of an agent keeps its code, sentence and advice, and the raw output apart from them', () => {
    const error = new AgentError('DAMAGED', undefined, { retryable: false, detail: 'moov atom not found' });
    expect(failureOf(error)).toEqual({
      code: 'DAMAGED',
      message: 'The file is damaged: too much of the video cannot be decoded.',
      retryable: false,
      detail: 'moov atom not found',
    });
  });

  it('of the software tells a person nothing of its inside, and is tried again', () => {
    const failure = failureOf(new TypeError("Cannot read '/srv/secret/path'"));
    expect(failure).toMatchObject({ code: 'STEP_CRASHED', retryable: true });
    expect(failure.message).not.toContain('secret');
    expect(failure.detail).toContain('secret');
  });

  it('for want of space is named as such', () => {
    for (const code of ['STORAGE_FULL', 'STORAGE_REFUSED'] as const)
      expect(failureOf(new AppError(code)).code).toBe(code);
    expect(failureOf(Object.assign(new Error('write'), { code: 'ENOSPC' })).code).toBe('STORAGE_FULL');
  });

  it('can be stored whatever the tool printed: without NUL, and its end rather than its beginning', () => {
    const failure = flowFailure('STEP_TIMEOUT', true, `${'x'.repeat(30_000)}\0end`);
    expect(failure.detail).toHaveLength(20_000);
    expect(failure.detail?.endsWith('\uFFFDend')).toBe(true);
  });

  it('can be stored where its end begins within a character, or the tool printed half of one', () => {
    const detail = `ab\u{1f600}${'x'.repeat(19_999)}`;
    expect(flowFailure('STEP_TIMEOUT', true, detail).detail).toBe(detail.slice(2));
    expect(flowFailure('STEP_TIMEOUT', true, '\ud83d!').detail).toBe('\ufffd!');
  });

  it.each([undefined, null, 'text', 42])('is made of %p, too', (thrown) => {
    expect(failureOf(thrown).code).toBe('STEP_CRASHED');
  });
});
