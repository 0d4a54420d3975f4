import { statementName } from './statement-span';

describe('statementName', () => {
  it.each([
    ['SELECT 1', 'SELECT'],
    ['SELECT id, title FROM jobs WHERE id = $1', 'SELECT jobs'],
    ['UPDATE steps SET progress = $1', 'UPDATE steps'],
    ['DELETE FROM upload_chunks WHERE upload_id = $1', 'DELETE upload_chunks'],
    [
      `WITH claimed AS (\n  INSERT INTO executions (id) VALUES ($1) RETURNING id\n) SELECT id FROM claimed`,
      'INSERT executions',
    ],
    [
      'SELECT extract(epoch FROM lease_until - now())::float8 AS left_s\n  FROM executions WHERE id = $1',
      'SELECT executions',
    ],
    ['LISTEN something', 'STATEMENT'],
  ])('%s', (sql, name) => expect(statementName(sql)).toBe(name));
});
