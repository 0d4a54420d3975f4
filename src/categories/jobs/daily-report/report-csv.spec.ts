import type { DailyReport, DayFigures } from './report';
import { reportCsv } from './report-csv';

const DAY: DayFigures = {
  jobs: { created: 4, completed: 2, failed: 1, cancelled: 0, open_at_end: 1, p50_s: 1.5, p95_s: 2, p99_s: 2, clips: 3 },
  hours: [{ hour: 7, completed: 2, failed: 1, cancelled: 0 }],
  agents: [],
  failures: [{ agent: 'inspector', error_code: '=BAD', count: 1 }],
  storage: { uploads: 1, files: 2, uploads_added: 3, files_added: 4 },
  actions: [],
  slowest: [],
}; // prettier-ignore

describe('a report as CSV', () => {
  const report: DailyReport = {
    date: '2026-01-31',
    generated_at: '2026-02-01T00:00:00.000Z',
    complete: true,
    day: DAY,
    day_before: { ...DAY, jobs: { ...DAY.jobs, created: 9 }, failures: [{ agent: 'packager', error_code: 'GONE', count: 5 }] },
  }; // prettier-ignore
  const { text, rows } = reportCsv(report);
  const lines = text.trimEnd().split('\r\n');

  it('has a row for each figure, with that of the day before', () => {
    expect(lines[0]).toBe('date,section,name,figure,value,day_before');
    expect(lines).toContain('2026-01-31,jobs,,created,4,9');
    expect(lines).toContain('2026-01-31,hours,7,completed,2,2');
    expect(rows).toBe(lines.length - 1);
  });

  it('has what there was on one of the days only', () => {
    expect(lines).toContain('2026-01-31,failures,inspector =BAD,count,1,');
    expect(lines).toContain('2026-01-31,failures,packager GONE,count,,5');
  });
});
