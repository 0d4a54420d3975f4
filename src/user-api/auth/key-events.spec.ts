import type { SecurityEvent, SecurityEvents } from '../../pipeline/audit/security-events';
import type { RedisService } from '../../platform/redis/redis.service';
import type { SigningKey, SigningKeys } from '../../platform/security/signing-keys';
import { KeyEvents } from './key-events';

describe('a new signing key', () => {
  /** What processes tell of it, of which each asks Redis like this whether it is the first. */
  async function told(...asking: (() => Promise<string | null>)[]): Promise<string[]> {
    const events: SecurityEvent[] = [];
    for (const set of asking) {
      let arrives: (key: SigningKey) => void = () => undefined;
      const keys = { onNewKey: (listener: typeof arrives) => ((arrives = listener), () => undefined) };
      const redis = { client: { set }, key: (...parts: string[]) => parts.join(':') };
      const security = { record: (event: SecurityEvent) => Promise.resolve(void events.push(event)) };
      new KeyEvents(
        keys as unknown as SigningKeys,
        redis as unknown as RedisService,
        security as unknown as SecurityEvents,
      ).onModuleInit();
      arrives({ kid: 'kid-of-16-places' } as SigningKey);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return events.map(({ kind }) => kind);
  }
  const first = () => Promise.resolve('OK');
  const another = () => Promise.resolve(null);
  const away = () => Promise.reject(new Error('Redis is away'));

  it('is told of by one process', async () => {
    expect(await told(first, another, another)).toEqual(['signing_key_added']);
  });

  it('is told of while Redis is away', async () => {
    expect(await told(away)).toEqual(['signing_key_added']);
  });
});
