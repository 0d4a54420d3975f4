import { Inject, Injectable } from '@nestjs/common';
import { isUUID } from 'class-validator';
import type { ErrorCode } from '../platform/errors/error-codes';
import { Db } from '../platform/postgres/db';
import { IpAllowList } from '../platform/security/ip-allow-list';
import { mayReadAll, type Actor } from '../platform/security/roles';
import { ENV, type Env } from '../platform/settings/env';
import { ADMIN_TOPICS } from './topics';

const JOB = 'job:';

/** Who may follow what. Asked at every subscription, resumed ones included, and again when a role changes. */
@Injectable()
export class TopicAccess {
  private readonly adminAddresses: IpAllowList;

  constructor(
    private readonly db: Db,
    @Inject(ENV) env: Env,
  ) {
    this.adminAddresses = new IpAllowList(env.adminIpAllowlist);
  }

  /** Why the actor, coming from this address, may not follow the topic; undefined if they may. */
  async refusal(actor: Actor, ip: string, topic: string): Promise<ErrorCode | undefined> {
    if (topic.startsWith(JOB)) return this.refusalOfJob(actor, ip, topic.slice(JOB.length));
    const kind = ADMIN_TOPICS.get(topic);
    if (!kind) return 'UNKNOWN_TOPIC';
    if (!kind.roles.includes(actor.role)) return 'FORBIDDEN';
    return this.adminAddresses.contains(ip) ? undefined : 'IP_NOT_ALLOWED';
  }

  private async refusalOfJob(actor: Actor, ip: string, jobId: string): Promise<ErrorCode | undefined> {
    if (!isUUID(jobId)) return 'JOB_NOT_FOUND';
    const [job] = await this.db.query<{ user_id: string }>('SELECT user_id FROM jobs WHERE id = $1', [jobId]);
    if (job?.user_id === actor.userId) return undefined;
    // To look at what belongs to others is the admin side, from wherever it is done.
    const mayLook = mayReadAll(actor.role) && this.adminAddresses.contains(ip);
    return job && mayLook ? undefined : 'JOB_NOT_FOUND';
  }
}
