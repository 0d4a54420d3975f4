import { MASK, Scrubber } from './scrub';
import { isSecretKey } from './secret-keys';

const scrubber = new Scrubber(Buffer.from('a key for tests'));
const CANARY = 'canary-7f3a91';

describe('scrubbing', () => {
  it.each([
    'password',
    'Password',
    'PASS_WORD',
    'user[password]',
    'x-api-key',
    'apiKey',
    'api_key',
    'accessToken',
    'refresh_token',
    'Authorization',
    'auth',
    'client_secret',
    'clientSecret',
    'privateKey',
    'credentials',
    'set-cookie',
    'mysql_pwd',
    'passwd',
    'ｐａｓｓｗｏｒｄ',
    'pass\u200bword',
    'otp',
    'cvv',
    'jwt',
    'client secret',
    'clientsecret',
    'CLIENTSECRET',
    'X-Amz-Security-Token',
    'x-csrf-token',
    'sessionId',
    'session_id',
    'idToken',
    'db.connectionString',
    'DATABASE_URL',
    'wachtwoord',
    'pincode',
    'p\u0430ssword', // with a Cyrillic letter
    'p\u03b1ssword', // with a Greek one
    'pass\u00adword',
    'pass\u2060word',
    'to\u200dken',
  ])('masks what stands under %s', (key) => {
    expect(JSON.stringify(scrubber.scrub({ [key]: CANARY }))).not.toContain(CANARY);
  });

  it.each([
    'author',
    'authority',
    'authored_by',
    'job_id',
    'title',
    'keyboard',
    'passenger',
    'compass',
    'bypass_cache',
    'secretary',
    'pinned',
    'spinner',
    'queue',
    'monkey',
    'turkey',
    'tokenizer_name',
    'path',
    'status',
    'designation',
    'resident',
    'consider',
    'pinpoint',
    'jotter',
    'authentic',
    'sessions',
    'compassion',
    'aside',
    'signal',
  ])('keeps what stands under %s', (key) => {
    expect(scrubber.scrub({ [key]: CANARY })).toEqual({ [key]: CANARY });
  });

  it('reaches every depth, arrays, JSON within strings, and keys that are given as values', () => {
    const deep = { a: [{ b: { c: [{ password: CANARY }] } }] };
    const inString = { note: JSON.stringify({ inner: JSON.stringify({ token: CANARY }) }) };
    const pair = { headers: [{ name: 'authorization', value: CANARY }] };
    const field = { fields: [{ field: 'new password', val: [CANARY] }] };
    const tuple = { headers: [['Authorization', CANARY]] };
    const map = new Map([['password', CANARY]]);
    const set = new Set([{ token: CANARY }]);
    const quoted = { note: JSON.stringify(JSON.stringify({ token: CANARY })) };
    const cutOff = { body: JSON.stringify({ token: CANARY, rest: 'x' }).slice(0, -3) };
    const capital = { tags: [{ Key: 'db-password', Value: CANARY }] };
    // What JSON.parse makes of it has nothing of the first one.
    const twice = { body: `{"note":{"password":"${CANARY}"},"note":1}` };
    const within = { log: `sent ${JSON.stringify(JSON.stringify({ 'api-key': CANARY }))} there` };
    for (const value of [
      deep,
      inString,
      pair,
      field,
      tuple,
      map,
      set,
      quoted,
      cutOff,
      capital,
      twice,
      within,
    ])
      expect(JSON.stringify(scrubber.scrub(value))).not.toContain(CANARY);
  });

  it('looks through JSON in a text however deep it is nested', () => {
    for (const depth of [499, 501, 5_000, 100_000]) {
      const nested = `${'['.repeat(depth)}{"token":"${CANARY}"}${']'.repeat(depth)}`;
      expect(scrubber.scrub({ note: nested })).toEqual({
        note: expect.not.stringContaining(CANARY) as string,
      });
    }
  });

  it('reaches a depth of 30, and masks what is deeper than anybody reads', () => {
    const nest = (depth: number): unknown => (depth === 0 ? { token: CANARY, kept: 1 } : [nest(depth - 1)]);
    expect(JSON.stringify(scrubber.scrub(nest(30)))).toContain(`{"token":"${MASK}","kept":1}`);
    expect(JSON.stringify(scrubber.scrub(nest(200)))).toContain(`"${MASK}"`);
    let json = JSON.stringify({ token: CANARY });
    for (let i = 0; i < 10; i++) json = JSON.stringify({ json });
    expect(scrubber.scrub(json)).not.toContain(CANARY);
  });

  it.each([
    ['a JWT', 'see eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl there'],
    ['a bearer token', 'Authorization: Bearer abcdefghijklmnop'],
    ['an AWS key', 'AKIAIOSFODNN7EXAMPLE'],
    ['a URL with a password', 'postgres://app:s3cr3t-pass@db/agentos'],
    ['a URL with a token', 'https://example.test/x?access_token=abcdef123&y=1'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQ\n-----END PRIVATE KEY-----'],
    ['a private key without its end', `-----BEGIN RSA PRIVATE KEY-----\n${'MC4CAQ'.repeat(9_000)}`],
    ['an encrypted JWT', 'eyJhbGciOiJ.c2lnbmF0dXJl.c2lnbmF0dXJl.c2lnbmF0dXJl.c2lnbmF0dXJl'],
    ['a GitHub token', 'ghp_abcdef123abcdef123abcdef123abcdef123'],
    ['basic credentials', 'Basic abcdef123=='],
    [
      'an authorization of another scheme',
      'Authorization: Digest username="abcdef123", response="abcdef123"',
    ],
    ['a cookie with several parts', 'Cookie: theme=dark; session=abcdef123'],
    ['a password with a slash and an at', 'mongodb+srv://app:abcdef123/@x@db.example/agentos?x=1'],
    ['a URL with a token as its user', 'https://abcdef123abcdef123@git.example.test/x'],
    ['an encoded name in a URL', 'https://example.test/x?client_secret=abcdef123#id_token=abcdef123'],
    ['a signed link', 'https://bucket.example/x?X-Amz-Signature=abcdef123&X-Amz-Date=1'],
    ['a connection string of words', 'host=db user=app password=abcdef123 dbname=x'],
    ['a connection string of pairs', 'Server=db;User Id=app;Pwd=abcdef123;'],
    ['an assignment in quotes', `config { password: "abcdef123 abcdef123" }`],
    ['an argument', 'run --db-password abcdef123 --verbose'],
    ['an environment', 'export AWS_SECRET_ACCESS_KEY=abcdef123'],
    ['JSON that was quoted again', 'got {\\"token\\":\\"abcdef123\\"} there'],
    ['a token with something invisible in it', 'Bearer abc\u200bdef123abcdef'],
    ['full-width letters', 'ｐａｓｓｗｏｒｄ＝abcdef123'],
  ])('masks %s in a text', (_what, text) => {
    const scrubbed = String(scrubber.scrub(text));
    expect(scrubbed).toContain(MASK);
    expect(scrubbed).not.toMatch(/c2lnbmF0dXJl|abcdefghijklmnop|IOSFODNN7|s3cr3t|abcdef123|MC4CAQ/);
  });

  it.each([
    ['jan.jansen@example.nl', 'email'],
    ['192.0.2.44', 'ip'],
    ['2001:db8::44', 'ip'],
    ['NL91 ABNA 0417 1643 00', 'iban'],
    ['4111 1111 1111 1111', 'card'],
    ['5500-0000-0000-0004', 'card'],
    ['+31 6 12345678', 'phone'],
    ['0612345678', 'phone'],
    ['111222333', 'bsn'],
    ['ｊａｎ＠example.nl', 'email'],
    ['jan\u200b@exam\u00adple.nl', 'email'],
    ['j.van.den+tag@sub.example.co.uk', 'email'],
    ['müller@bücher.example', 'email'],
    ['255.255.255.255', 'ip'],
    ['fe80::1', 'ip'],
    ['nl91abna0417164300', 'iban'],
    ['NL91.ABNA.0417.1643.00', 'iban'],
    ['DE89 3704 0044 0532 0130 00', 'iban'],
    ['BE68-5390-0754-7034', 'iban'],
    ['４１１１ １１１１ １１１１ １１１１', 'card'],
    ['3782 822463 10005', 'card'],
    ['4111.1111.1111.1111', 'card'],
    ['2223003122003222', 'card'],
    ['0031612345678', 'phone'],
    ['+31 (0)6 1234 5678', 'phone'],
    ['06-12345678', 'phone'],
    ['06 12 34 56 78', 'phone'],
    ['020-1234567', 'phone'],
    ['(0174) 12 34 56', 'phone'],
    ['+1 (555) 123-4567', 'phone'],
    ['123456782', 'bsn'],
    ['1234.56.782', 'bsn'],
    ['123.456.782', 'bsn'],
  ])('replaces %s by a pseudonym', (found, kind) => {
    const scrubbed = String(scrubber.scrub(`it was ${found}, surely`));
    expect(String(scrubber.scrub(`It was ${found}.`))).toMatch(/^It was \[\w+:\w+\]\.$/);
    expect(scrubbed).toMatch(new RegExp(`^it was \\[${kind}:[0-9a-f]{12}\\], surely$`));
  });

  it('finds a card with more digits behind it, and one that is a number', () => {
    const pseudonym = scrubber.scrub('4111111111111111');
    expect(scrubber.scrub({ note: 4111111111111111 })).toEqual({ note: pseudonym });
    for (const dash of ['\u2013', '\u2011', '\u2212'])
      expect(scrubber.scrub(['4111', '1111', '1111', '1111'].join(dash))).toMatch(/^\[card:/);
    expect(scrubber.scrub('4111111111111111 123')).toBe(`${String(pseudonym)} 123`);
    expect(scrubber.scrub({ note: 1763700000000004 })).toEqual({ note: 1763700000000004 });
  });

  it('replaces what is personal in a key, too', () => {
    expect(JSON.stringify(scrubber.scrub({ 'jan@example.nl': 1 }))).toMatch(
      /^\{"\[email:[0-9a-f]{12}\]":1\}$/,
    );
  });

  it('gives the same pseudonym for the same value under one key, and another under another', () => {
    const other = new Scrubber(Buffer.from('another key'));
    expect(scrubber.scrub('a@example.test')).toBe(scrubber.scrub('a@example.test'));
    expect(scrubber.scrub('A@Example.TEST')).toBe(scrubber.scrub('a@example.test'));
    expect(scrubber.scrub('a@example.test')).not.toBe(scrubber.scrub('b@example.test'));
    expect(scrubber.scrub('a@example.test')).not.toBe(other.scrub('a@example.test'));
  });

  it.each([
    '01890a5d-ac96-774b-bcce-b302099a8057',
    '2026-11-21T22:48:50.440Z',
    '2026-11-21',
    'v1.22.333',
    '1.2.3',
    '1234567890123456',
    'queue clip-renderer paused at 10:30:00',
    'sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'job 42 of 1000 took 123456 ms',
    'the author of this',
    'path/to/file.mp4',
    '3.14159265358979',
    'HTTP 404: nothing',
    '00:01:02.345 --> 00:01:05.678',
    'C++ and C#',
  ])('leaves %s alone', (text) => {
    expect(scrubber.scrub(text)).toBe(text);
  });

  it('leaves no half of a character where the end of a secret is that of what is looked at', () => {
    const text = `authorization: a${'\u{1f600}'.repeat(5_000)}`;
    expect(String(scrubber.scrub(text)).isWellFormed()).toBe(true);
  });

  it.each(['password: abc and more', '"token":"x",', "--secret 'a b'", 'key=1&api_key=abc&x', 'pwd=a'])(
    'leaves as it is what it has scrubbed: %s',
    (text) => {
      const once = scrubber.scrub(text);
      expect(once).toContain(MASK);
      expect(scrubber.scrub(once)).toBe(once);
    },
  );

  it('is not taken in by what only begins as if it had been scrubbed', () =>
    expect(scrubber.scrub(`password=${MASK}hunter2 token="${MASK}hunter2"`)).not.toContain('hunter2'));

  it('does not change the original', () => {
    const original = { password: CANARY, list: [{ token: CANARY }] };
    scrubber.scrub(original);
    expect(original).toEqual({ password: CANARY, list: [{ token: CANARY }] });
  });

  it('copes with what JSON cannot hold', () => {
    const odd = { n: 10n, at: new Date(0), nothing: undefined, f: () => 1, s: Symbol('x') };
    expect(scrubber.scrub(odd)).toEqual({
      n: '10',
      at: '1970-01-01T00:00:00.000Z',
      nothing: null,
      f: null,
      s: null,
    });
    const cyclic: Record<string, unknown> = { kept: 1 };
    cyclic['self'] = [cyclic, cyclic, cyclic];
    expect(scrubber.scrub(cyclic)).toEqual({ kept: 1, self: [MASK, MASK, MASK] });
  });

  it('copes with objects that are more than data', () => {
    class Account {
      #hidden = CANARY;
      name = 'n';
      get password() {
        return this.#hidden;
      }
    }
    const throwing = Object.defineProperty({ kept: 1 }, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error(CANARY);
      },
    });
    const error = Object.assign(new Error(`connect postgres://app:${CANARY}@db/x failed`), {
      config: { headers: { authorization: CANARY } },
    });
    const proto = JSON.parse(`{"__proto__": {"token": "${CANARY}"}, "constructor": 1}`) as object;
    const copy = scrubber.scrub({ a: new Account(), throwing, error, bytes: Buffer.from(CANARY), proto });
    expect(JSON.stringify(copy)).not.toContain(CANARY);
    expect(copy).toMatchObject({
      a: { name: 'n' },
      throwing: { kept: 1, bad: MASK },
      error: { name: 'Error', message: `connect postgres://${MASK}db/x failed` },
      bytes: MASK,
    });
    expect(Object.keys((copy as { proto: object }).proto)).toEqual(['__proto__', 'constructor']);
  });

  it.each([
    'a',
    '1',
    '-',
    'a@',
    '1.',
    ':',
    'eyJ',
    'Bearer ',
    '+31',
    '1 ',
    'x://a:',
    '&token=',
    '-----BEGIN AAA-----',
    '-eyJ',
    '-eyJaaaaa.',
    'eyJaaaaa.aaaaa.',
    'Bearer aaaaaaaa',
    'x://a:b@',
    'x://a:b',
    'NL91 ',
    'NL91',
    '4111 ',
    '06 ',
    '::',
    '1:',
    'a.',
    'password=',
    'pin:"',
    `pin:\\"`,
    '--pin ',
    'cookie:',
    '[',
    '"',
    '\u200b',
    '\uff0e',
  ])('takes linear time for 100 KB of %j', (piece) => {
    const evil = piece.repeat(Math.ceil(100_000 / piece.length));
    const before = process.cpuUsage();
    scrubber.scrub(evil);
    // The processor's time, which other processes do not stretch: quadratic would be ten seconds and more.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(3_000);
  });

  it('tells secret keys from others', () => {
    expect(isSecretKey('auth')).toBe(true);
    expect(isSecretKey('author')).toBe(false);
  });
});
