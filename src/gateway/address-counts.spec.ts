import { AddressCounts } from './address-counts';

describe('counts by address', () => {
  it('count a network of IPv6 as one client, and take off each once', () => {
    const counts = new AddressCounts();
    const leave = counts.add('2001:db8:1:2::1');
    counts.add('2001:db8:1:2:ffff::9');
    counts.add('2001:db8:1:3::1');
    counts.add('192.0.2.1');
    counts.add('::ffff:192.0.2.1');
    expect(
      ['2001:db8:1:2::7', '2001:db8:1:3::7', '192.0.2.1', '192.0.2.2'].map((one) => counts.of(one)),
    ).toEqual([2, 1, 2, 0]);
    leave();
    leave();
    expect(counts.of('2001:db8:1:2::1')).toBe(1);
  });
});
