import { ensureFirstAdmin } from '../../src/up/first-admin';
import { createTestDatabase, type TestDatabase } from '../support/database';

describe('the first admin', () => {
  let database: TestDatabase;
  beforeAll(async () => (database = await createTestDatabase()));
  afterAll(() => database?.drop());

  const admins = () => database.query(`SELECT email FROM users WHERE role = 'admin'`);

  it('is only there when somebody knows the password', async () => {
    const kept: string[] = [];
    const full = new Error('no space left on device');
    const notKept = ensureFirstAdmin(database.url, 'a@example.test', undefined, () => {
      throw full;
    });
    await expect(notKept).rejects.toBe(full);
    expect(await admins()).toEqual([]);
    const admin = await ensureFirstAdmin(database.url, 'a@example.test', undefined, ({ password }) =>
      kept.push(password),
    );
    expect(kept).toEqual([admin?.password]);
    expect(await admins()).toEqual([{ email: 'a@example.test' }]);
  });

  it('is made once', async () => {
    const keep = jest.fn();
    expect(await ensureFirstAdmin(database.url, 'b@example.test', undefined, keep)).toBeUndefined();
    expect(keep).not.toHaveBeenCalled();
    expect(await admins()).toEqual([{ email: 'a@example.test' }]);
  });
});
