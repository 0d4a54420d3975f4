import { decideAddress } from './action-networks';

const NETWORKS = {
  '*': ['10.0.0.0/8', '2001:db8::/32'],
  'system.*': ['10.1.0.0/16', '2001:db8:1::/48'],
  'system.backup': ['10.1.2.3'],
};

describe('the networks of an action', () => {
  it.each([
    ['job.cancel', '10.9.9.9', true],
    ['job.cancel', '::ffff:10.9.9.9', true],
    ['job.cancel', '11.0.0.1', false],
    ['system.restart', '10.9.9.9', false],
    ['system.restart', '10.1.9.9', true],
    ['system.restart', '2001:db8:1::1', true],
    ['system.restart', '2001:db8:2::1', false],
    ['system.backup', '10.1.9.9', false],
    ['system.backup', '10.1.2.3', true],
    // Not a subject that only begins alike.
    ['systems.backup', '10.9.9.9', true],
    ['job.cancel', 'unknown', false],
    ['job.cancel', null, false],
  ])('let %s be run from %s: %s', (action, address, allowed) => {
    expect(decideAddress(NETWORKS, action, address).allowed).toBe(allowed);
  });

  it('are all there are where none is given', () => {
    expect(decideAddress({}, 'job.cancel', null)).toEqual({ allowed: true, rule: 'no networks of its own' });
  });

  it('say which of them decides', () => {
    expect(decideAddress(NETWORKS, 'system.backup', '10.1.9.9').rule).toBe(
      'not in the networks of system.backup',
    );
    expect(decideAddress(NETWORKS, 'job.cancel', '10.9.9.9').rule).toBe('in the networks of *');
  });
});
