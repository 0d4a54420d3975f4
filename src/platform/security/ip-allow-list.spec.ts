import { clientIp, IpAllowList } from './ip-allow-list';

describe('IpAllowList', () => {
  const list = new IpAllowList(['10.0.0.0/8', '::1/128', '2001:db8::/32', '192.0.2.7']);

  it.each([
    '10.0.0.1',
    '10.255.255.255',
    '::ffff:10.0.0.1',
    '::FFFF:0a00:1',
    '0:0:0:0:0:ffff:10.0.0.1',
    '::1',
    '2001:db8:1::5',
    '192.0.2.7',
  ])('contains %s', (address) => expect(list.contains(address)).toBe(true));

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
    'unknown',
    '::10.0.0.1',
    '::ffff:010.0.0.1',
    '10.0.0.256',
    '10.0.0.1.',
    '10.0.0.1:80',
    '10.0.0.1%eth0',
    '::1%lo',
    '[::1]',
    '167772161',
    '10.0.0.1, 203.0.113.9',
    '\uff11\uff10.0.0.1',
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
    '0x0a.0.0.0/8',
    '10.0.0.0/08x',
    '10.0.0.0 /8',
    '',
  ])('refuses "%s" at once', (entry) => expect(() => new IpAllowList([entry])).toThrow(`"${entry}"`));

  it.each([
    ['10.0.0.0/0', '0.0.0.0/0'],
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['2001:db8::1/32', '2001:db8::/32'],
    ['::1/0', '::/0'],
  ])('refuses %s, which is wider than it says, and names what it is: %s', (entry, meant) => {
    expect(() => new IpAllowList([entry])).toThrow(meant);
    expect(() => new IpAllowList([meant])).not.toThrow();
  });
});

describe('clientIp', () => {
  const proxies = new IpAllowList(['172.16.0.0/12']);

  it.each([
    ['a direct peer that claims to be somebody else', '203.0.113.9', '10.0.0.1', '203.0.113.9'],
    ['one proxy', '172.16.0.1', '203.0.113.9', '203.0.113.9'],
    ['two proxies', '172.16.0.1', '203.0.113.9, 172.16.0.2', '203.0.113.9'],
    ['a client that put an address in front', '172.16.0.1', '10.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['nothing readable from the proxy', '172.16.0.1', 'unknown', 'unknown'],
    ['an address with a port from the proxy', '172.16.0.1', '203.0.113.9:4711', 'unknown'],
    ['garbage that the client sent', '172.16.0.1', 'unknown, 203.0.113.9', '203.0.113.9'],
    ['an octal form', '172.16.0.1', '012.0.0.1', 'unknown'],
    ['a zone', '172.16.0.1', 'fe80::1%eth0', 'fe80::1'],
    ['no header', '172.16.0.1', undefined, '172.16.0.1'],
    ['an IPv4-mapped peer', '::ffff:203.0.113.9', undefined, '203.0.113.9'],
  ])('%s', (_name, peer, header, expected) => expect(clientIp(peer, header, proxies)).toBe(expected));
});
