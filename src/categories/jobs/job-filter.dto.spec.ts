import { filterCondition } from './job-filter.dto';

describe('a filter of jobs', () => {
  it('without conditions means all of them', () => {
    expect(filterCondition({})).toEqual({ sql: 'true', params: [] });
  });

  it('passes every value as a parameter, from the number that it is given', () => {
    const evil = `x'; DROP TABLE jobs; --`;
    const { sql, params } = filterCondition({ status: ['failed'], agent: evil, error_code: evil }, 3);
    expect(sql).not.toContain('DROP');
    expect(sql).toMatch(/j\.status = ANY\(\$3\).*s\.agent = \$4.*j\.error_code = \$5/);
    expect(params).toEqual([['failed'], evil, evil]);
  });
});
