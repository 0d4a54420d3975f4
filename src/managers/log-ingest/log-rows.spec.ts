import { copyText, LogRows } from './log-rows';

const rows = new LogRows(Buffer.from('a key for tests'));
const line = (fields: object) =>
  JSON.stringify({ level: 30, time: 1_790_000_000_000, source: 'api', ...fields });

describe('the row of a log line', () => {
  it('has what the line says, and the rest as data', () => {
    const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';
    const fields = { level: 50, msg: 'It failed', context: 'Worker', job_id: jobId, trace_id: 't-1', pid: 7 };
    expect(rows.of(line(fields))).toMatchObject({
      at: new Date(1_790_000_000_000),
      level: 'error',
      source: 'api',
      message: 'It failed',
      data: JSON.stringify({ context: 'Worker', pid: 7 }),
      jobId,
      traceId: 't-1',
    });
  });

  it('holds no secret and nothing personal, wherever it stood', () => {
    const row = rows.of(
      line({
        msg: 'Sign-in of ann@example.test failed',
        password: 'hunter2',
        err: { stack: 'Error: postgres://u:geheim@db/x', message: 'Bearer eyJhbGciOiJIUzI1NiJ9.e30.x' },
      }),
    );
    for (const secret of ['ann@example.test', 'hunter2', 'geheim', 'eyJ'])
      expect(JSON.stringify(row)).not.toContain(secret);
    expect(row?.message).toContain('Sign-in of');
  });

  it('of whatever is no line of the logger has it as its message', () => {
    expect(rows.of('Segmentation fault')).toMatchObject({
      level: 'info',
      source: 'unknown',
      message: 'Segmentation fault',
    });
    expect(rows.of('null')).toMatchObject({ message: 'null' });
    expect(rows.of('{"level":"high","time":"now","msg":{"a":1}}')).toMatchObject({ message: '{"a":1}' });
  });

  it.each([1e300, -1e300, 8.64e15 + 2])('has a time that can be stored where the line claims %d', (time) => {
    const row = rows.of(line({ time }));
    expect(Math.abs((row?.at.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(() => copyText(row ? [row] : [])).not.toThrow();
  });

  it('is not endless', () => {
    const row = rows.of(line({ msg: 'm'.repeat(100_000), context: 'Big', list: 'd'.repeat(100_000) }));
    expect(row?.message).toHaveLength(4_000);
    expect(row?.data).toBe(JSON.stringify({ context: 'Big', truncated: true }));
  });

  it('is cut between characters', () => {
    const row = rows.of(
      line({ msg: `${'m'.repeat(3_999)}\u{1f600}m`, source: `${'s'.repeat(99)}\u{1f600}s` }),
    );
    expect(row).toMatchObject({
      message: `${'m'.repeat(3_999)}\u{1f600}`,
      source: `${'s'.repeat(99)}\u{1f600}`,
    });
  });

  it('is not made of what Nest says of each route', () => {
    expect(rows.of(line({ msg: 'Mapped {/health, GET} route', context: 'RouterExplorer' }))).toBeUndefined();
  });
});
