import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsIn, IsString, Length } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { GatewayTickets, TICKET_S } from '../../../platform/security/gateway-tickets';
import { LOG_LEVELS, type LogLevel } from '../../../platform/telemetry/logs/log-levels';

/** How to follow the log live. */
export interface LogStream {
  /** For the gateway's first frame: {type: 'auth', ticket}. Good for one sign-in. */
  ticket: string;
  expires_in: number;
  /** The next frame: what is to be followed, by the filter that was asked for. */
  subscribe: { type: 'subscribe'; topic: 'logs'; filter: { level?: string; source?: string; q?: string } };
}

@Action({
  name: 'logs.stream_realtime',
  views: ['system-logs'],
  risk: 'read',
  mode: 'sync',
  roles: ['operator', 'supervisor', 'readonly'],
  dependsOn: ['redis'],
  summary: 'Follow the log live',
  description:
    'A ticket for one sign-in at the gateway within 30 seconds, and what to say there to get the lines that fit. The gateway sends no others.',
  errors: [],
  secretFields: ['ticket', 'subscribe'],
  example: { level: 'warn', source: 'flow', q: 'disk' },
  since: '1.0',
})
export class StreamLogs extends ActionCommand<LogStream> {
  /** Lines of this level and of those above it. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(LOG_LEVELS)
  level?: LogLevel;

  /** Lines of this part of the system. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  source?: string;

  /** Lines that have this text in their event or message, in capitals or not. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 200)
  q?: string;
}

@CommandHandler(StreamLogs)
export class StreamLogsHandler implements ActionHandler<StreamLogs> {
  constructor(@Inject(GatewayTickets) private readonly tickets: GatewayTickets) {}

  async execute({ level, source, q, context }: StreamLogs): Promise<LogStream> {
    return {
      ticket: await this.tickets.issue(context.actor),
      expires_in: TICKET_S,
      subscribe: { type: 'subscribe', topic: 'logs', filter: { level, source, q } },
    };
  }
}
