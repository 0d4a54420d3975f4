import { header, lines } from './job-lines';
import type { ExportedJob } from './job-rows';

const JOB: ExportedJob = {
  job_id: '01890a5d-ac96-774b-bcce-b302099a8057',
  user_id: '01890a5d-ac96-774b-bcce-b302099a8058',
  title: 'A "quoted", title\nover two lines',
  status: 'failed',
  priority: 5,
  attempt: 1,
  progress: 0.5,
  error_code: 'BROKEN',
  error_message: '=1+1',
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: null,
  finished_at: null,
};

describe('an export', () => {
  it('is CSV by RFC 4180', () => {
    expect(header('csv', false)).toMatch(/^job_id,user_id,title,.*,finished_at\n$/);
    expect(lines('csv', [JOB])).toContain(
      `"A ""quoted"", title\nover two lines",failed,5,1,0.5,BROKEN,'=1+1,`,
    );
  });

  it('has a line for each step of a job', () => {
    const step = {
      agent: 'inspector',
      status: 'failed',
      attempt: 2,
      error_code: '=x',
      started_at: null,
      finished_at: null,
    };
    const text = lines('csv', [{ ...JOB, title: 'T', steps: [step, step] }]);
    expect(text.trim().split('\n')).toHaveLength(2);
    expect(text).toContain(`,inspector,failed,2,'=x,,`);
    expect(header('csv', true)).toContain(',step_agent,step_status,');
  });

  it('is one JSON object per line otherwise, with nothing changed', () => {
    expect(header('ndjson', true)).toBe('');
    const text = lines('ndjson', [JOB, JOB]);
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([JOB, JOB]);
  });
});
