import { fingerprint } from '../platform/security/canonical-json';
import type { SigningKeys } from '../platform/security/signing-keys';
import { Fingerprints } from './fingerprints';

const withKey = (key: string) =>
  new Fingerprints({
    secret: (purpose: string) => Buffer.from(`${key} ${purpose}`),
  } as unknown as SigningKeys);
const ours = withKey('ours');

describe('a fingerprint', () => {
  it('is the same for what is the same, whatever the order', () => {
    const one = ours.of('config.update_user', { user_id: 'u', password: 'long enough to guess' });
    expect(ours.of('config.update_user', { password: 'long enough to guess', user_id: 'u' })).toEqual(one);
    expect(ours.of('config.update_user', { user_id: 'u', password: 'something else' })).not.toEqual(one);
    expect(ours.of('config.add_user', { user_id: 'u', password: 'long enough to guess' })).not.toEqual(one);
  });

  it('of something without secrets anybody can compute', () => {
    expect(ours.of('job.cancel', { job_id: 'x' })).toEqual(
      fingerprint({ action: 'job.cancel', payload: { job_id: 'x' } }),
    );
  });

  it('of a secret says nothing to who does not have the key', () => {
    const payload = { user_id: 'u', password: 'guessable' };
    expect(ours.of('config.update_user', payload)).not.toEqual(
      fingerprint({ action: 'config.update_user', payload }),
    );
    expect(withKey('theirs').of('config.update_user', payload)).not.toEqual(
      ours.of('config.update_user', payload),
    );
  });
});
