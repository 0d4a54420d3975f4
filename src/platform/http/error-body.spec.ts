import { AppError } from '../errors/app-error';
import { bodyField, namedField } from '../errors/field-errors';
import { errorBody, problemOf } from './error-body';

describe('error answers', () => {
  const error = new AppError('RATE_LIMITED', 'Too many.', { violatedPolicies: ['actions'], retryAfterS: 3 });

  it('name the code, what it is about, and what to do', () => {
    expect(errorBody(error, 'trace-1')).toEqual({
      success: false,
      error: 'Too many.',
      error_code: 'RATE_LIMITED',
      help: 'Wait as long as Retry-After says.',
      violated_policies: ['actions'],
      timestamp: expect.any(String),
      trace_id: 'trace-1',
    });
  });

  it('say the same in the form of RFC 9457', () => {
    const body = errorBody(error, 'trace-1');
    expect(problemOf(body)).toEqual({
      type: 'urn:agentos:error:RATE_LIMITED',
      title: 'Too many requests.',
      status: 429,
      detail: 'Too many.',
      instance: 'urn:agentos:trace:trace-1',
      code: 'RATE_LIMITED',
      help: body.help,
      'violated-policies': ['actions'],
      timestamp: body.timestamp,
      trace_id: 'trace-1',
    });
  });

  it('point into a body, and name everything else', () => {
    const details = [
      bodyField(['payload', 'job_id'], 'must be a UUID'),
      namedField(['page'], 'must be a number'),
    ];
    const body = errorBody(new AppError('VALIDATION_ERROR', undefined, { details }), 'trace-1');
    expect(body.details?.map(({ path }) => path)).toEqual(['payload.job_id', 'page']);
    expect(problemOf(body).errors).toEqual([
      { path: '/payload/job_id', message: 'must be a UUID' },
      { path: 'page', message: 'must be a number' },
    ]);
  });

  it('keep what else a body has', () => {
    const body = { ...errorBody(new AppError('JOB_NOT_FOUND'), 'trace-1'), execution_id: 'e', explain: [1] };
    expect(problemOf(body)).toMatchObject({ execution_id: 'e', explain: [1], status: 404 });
  });

  it('name no more than a hundred fields', () => {
    const details = Array.from({ length: 5_000 }, (_, i) => namedField([`f${i}`], 'is too much'));
    expect(errorBody(new AppError('VALIDATION_ERROR', undefined, { details }), 't').details).toHaveLength(
      100,
    );
  });
});
