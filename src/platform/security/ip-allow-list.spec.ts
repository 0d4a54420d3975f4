import { clientIp, IpAllowList } from './ip-allow-list';

describe('IpAllowList', () => {
  const list = new IpAllowList(['10.0.0.0/8', '::1/128', '2001:db8::/32', '192.0.2.7']);

  it.each(['10.0.0.1', '10.255.255.255', '::ffff:10.0.0.1', '::1', '2001:db8:1::5', '192.0.2.7'])(
    'contains %s',
    (address) => expect(list.contains(address)).toBe(true),
  );

  it.each([
    '11.0.0.1',
    '192.0.2.8',
    '::2',
    '2001:db9::1',
    '010.0.0.1',
    '0x0a.0.0.1',
    '10.1',
    '',
    'localhost',
  ])('does not contain "%s"', (address) => expect(list.contains(address)).toBe(false));

  it('contains nothing when it is empty', () =>
    expect(new IpAllowList([]).contains('127.0.0.1')).toBe(false));

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0/8',
    '010.0.0.0/8',
    '10.0.0.0/8/8',
    'x',
    '::/129',
  ])('refuses %s at once', (entry) => expect(() => new IpAllowList([entry])).toThrow(`"${entry}"`));
});

describe('clientIp', () => {
  const proxies = new IpAllowList(['172.16.0.0/12']);

  it.each([
    ['a direct peer that claims to be somebody else', '203.0.113.9', '10.0.0.1', '203.0.113.9'],
    ['one proxy', '172.16.0.1', '203.0.113.9', '203.0.113.9'],
    ['two proxies', '172.16.0.1', '203.0.113.9, 172.16.0.2', '203.0.113.9'],
    ['a client that put an address in front', '172.16.0.1', '10.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['garbage before the proxy', '172.16.0.1', 'unknown', '172.16.0.1'],
    ['no header', '172.16.0.1', undefined, '172.16.0.1'],
    ['an IPv4-mapped peer', '::ffff:203.0.113.9', undefined, '203.0.113.9'],
  ])('%s', (_name, peer, header, expected) => expect(clientIp(peer, header, proxies)).toBe(expected));
});
