import { demoOptions } from './demo';

const credentials = { email: 'first@agentos.local', password: 'kept' };
const endpoints = { api_url: 'http://localhost:4100', ws_url: 'ws://localhost:4101' };

describe('the options of npm run demo', () => {
  it('takes the installation that runs here', () => {
    expect(demoOptions(['a.mp4'], {}, { credentials, endpoints })).toEqual({
      file: 'a.mp4',
      url: 'http://localhost:4100',
      ws: 'ws://localhost:4101',
      email: 'first@agentos.local',
      password: 'kept',
      title: undefined,
      priority: undefined,
    });
  });

  it('prefers the command line to the environment, and that to the files', () => {
    const env = { ADMIN_EMAIL: 'env@x.org', ADMIN_PASSWORD: 'from-env' };
    expect(demoOptions(['a.mp4'], env, { credentials })).toMatchObject({
      email: 'env@x.org',
      password: 'from-env',
    });
    const argv = ['--email', 'me@x.org', '--password', 'mine', 'a.mp4'];
    expect(demoOptions(argv, env, { credentials })).toMatchObject({ email: 'me@x.org', password: 'mine' });
  });

  it('does not send a remote host to the gateway of the installation here', () => {
    const argv = ['a.mp4', '--url', 'https://clips.example.org/'];
    expect(demoOptions(argv, {}, { credentials, endpoints })).toMatchObject({
      url: 'https://clips.example.org',
      ws: 'wss://clips.example.org:8765',
    });
  });

  it.each([
    [[], /^Usage/],
    [['a.mp4', 'b.mp4'], /^Usage/],
    [['a.mp4', '--nonsense'], /nonsense/],
    [['a.mp4', '--url', 'ftp://x'], /no http/],
    [['a.mp4', '--priority', '11'], /from 1 to 10/],
  ])('refuses %j with a sentence', (argv, message) => {
    expect(() => demoOptions(argv, {}, { credentials })).toThrow(message);
  });

  it('asks who you are when nothing says so', () => {
    expect(() => demoOptions(['a.mp4'], {}, {})).toThrow('Say who you are');
  });
});
