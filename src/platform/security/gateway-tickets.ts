import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RedisService } from '../redis/redis.service';

/** How long a ticket may be used, in seconds. */
export const TICKET_S = 30;

/** Whose ticket it is. */
export interface TicketHolder {
  userId: string;
  sessionId: string;
  /** The key of the access token that it was asked for with. */
  kid?: string;
}

/**
 * Tickets for one sign-in at the gateway each, for a client that is not to have its user's access token. Redis has
 * their hashes only. Every method rejects while Redis is away.
 */
@Injectable()
export class GatewayTickets {
  constructor(private readonly redis: RedisService) {}

  /** A new ticket of somebody whose session is good; 43 characters. */
  async issue({ userId, sessionId, kid }: TicketHolder): Promise<string> {
    const ticket = randomBytes(32).toString('base64url');
    const holder = JSON.stringify({ userId, sessionId, kid });
    await this.redis.client.set(this.key(ticket), holder, 'EX', TICKET_S);
    return ticket;
  }

  /** Spends a ticket; undefined if there is none like it, or not any more. */
  async redeem(ticket: string): Promise<TicketHolder | undefined> {
    const text = await this.redis.client.getdel(this.key(ticket));
    return text === null ? undefined : (JSON.parse(text) as TicketHolder);
  }

  private key(ticket: string): string {
    return this.redis.key('ticket', createHash('sha256').update(ticket).digest('base64url'));
  }
}
