import { hostRuleOf } from './host-rules';

const rule = { networks: [], plain_http: false };
const hosts = {
  'models.example.com': rule,
  'models.example.com:8443': rule,
  'plain.example.com': { networks: ['10.0.0.0/8'], plain_http: true },
};
const refusal = (url: string) => {
  const found = hostRuleOf({ hosts }, url);
  return 'refusal' in found ? found.refusal : undefined;
};

describe('what may be called', () => {
  it.each([
    'https://models.example.com/v1',
    'https://MODELS.example.com:443/v1',
    'https://models.example.com:8443/',
    'http://plain.example.com/score',
  ])('%s', (url) => expect(refusal(url)).toBeUndefined());

  it.each([
    ['another host', 'https://example.com/', /not among/],
    ['another port', 'https://models.example.com:444/', /not among/],
    ['a host that only begins alike', 'https://models.example.com.evil.net/', /not among/],
    ['a host in the name of a user', 'https://models.example.com@evil.net/', /user name/],
    ['a name that every object has', 'https://constructor/', /not among/],
    ['the same host without encryption', 'http://models.example.com/', /https/],
    ['a file', 'file:///etc/passwd', /https/],
    ['another protocol', 'redis://models.example.com/', /https/],
    ['a path', '/v1', /no URL|not a URL/],
  ])('not %s', (_what, url, reason) => expect(refusal(url)).toMatch(reason));
});
