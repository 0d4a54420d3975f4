import type { Env } from '../../platform/settings/env';
import { AdminDoor } from './admin-door';
import type { AuthService } from './auth.service';

describe('the door of the admin side', () => {
  const asked: string[] = [];
  const auth = {
    known: (token: string) => {
      asked.push(token);
      return { userId: `user of ${token}` };
    },
  } as unknown as AuthService;
  const door = new AdminDoor(auth, { adminIpAllowlist: ['127.0.0.0/8'] } as unknown as Env);
  const known = (connection: object, authorization?: string, ip = '127.0.0.1') =>
    door.known(connection, authorization, ip)?.userId;
  beforeEach(() => asked.splice(0));

  it('knows who asks by each request, also where a connection is shared', () => {
    const connection = {};
    expect(known(connection, 'Bearer a')).toBe('user of a');
    expect(known(connection, 'Bearer a')).toBe('user of a');
    expect(known(connection, 'Bearer b')).toBe('user of b');
    expect(known({}, 'Bearer a')).toBe('user of a');
    expect(known(connection, 'Bearer a')).toBe('user of a');
    // Whether the session lives is asked each time.
    expect(asked).toEqual(['a', 'a', 'b', 'a', 'a']);
  });

  it('lets nobody in on the strength of what came before on the connection', () => {
    const connection = {};
    expect(known(connection, 'Bearer a')).toBe('user of a');
    expect(known(connection)).toBeUndefined();
    expect(known(connection, 'Basic a')).toBeUndefined();
    expect(known(connection, 'Bearer a', '10.0.0.1')).toBeUndefined();
    expect(asked).toEqual(['a']);
  });
});
