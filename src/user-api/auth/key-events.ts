import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { SecurityEvents } from '../../pipeline/audit/security-events';
import { RedisService } from '../../platform/redis/redis.service';
import { type SigningKey, SigningKeys } from '../../platform/security/signing-keys';
import { reasonOf } from '../../platform/errors/unavailable';

/** How long it is remembered that somebody has told of a key, in seconds. */
const TOLD_S = 3_600;

/** Tells, once over all processes, that there is a new signing key: who can add one can sign in as anybody. */
@Injectable()
export class KeyEvents implements OnModuleInit, OnModuleDestroy {
  private readonly log = new Logger(KeyEvents.name);
  private unfollow: () => void = () => undefined;

  constructor(
    @Inject(SigningKeys) private readonly keys: SigningKeys,
    @Inject(RedisService) private readonly redis: RedisService,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
  ) {}

  onModuleInit(): void {
    this.unfollow = this.keys.onNewKey((key) => {
      this.tell(key).catch((error: Error) =>
        this.log.error(`New signing key ${key.kid}: ${reasonOf(error)}`),
      );
    });
  }

  onModuleDestroy(): void {
    this.unfollow();
  }

  /** While Redis is away each process is: an alarm that comes twice is better than none. */
  private isFirst(kid: string): Promise<boolean> {
    return this.redis.client.set(this.redis.key('key-told', kid), '1', 'EX', TOLD_S, 'NX').then(
      (set) => set !== null,
      () => true,
    );
  }

  private async tell({ kid }: SigningKey): Promise<void> {
    if (!(await this.isFirst(kid))) return;
    await this.security.record({
      kind: 'signing_key_added',
      message: `A signing key for access tokens was added; its kid is ${kid}.`,
      userId: null,
      origin: { traceId: uuidv7(), ip: null, userAgent: null },
    });
  }
}
