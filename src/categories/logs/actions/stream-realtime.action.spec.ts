import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { payloadErrors, validatePayload } from '../../../pipeline/catalogue/payload-validator';
import type { GatewayTickets, TicketHolder } from '../../../platform/security/gateway-tickets';
import { StreamLogs, StreamLogsHandler } from './stream-realtime.action';

describe('logs.stream_realtime', () => {
  it('gives a ticket of the caller, and the filter that was asked for', async () => {
    const holders: TicketHolder[] = [];
    const tickets = {
      issue: (holder: TicketHolder) => {
        holders.push(holder);
        return Promise.resolve('a-ticket');
      },
    } as unknown as GatewayTickets;
    const validated = validatePayload(StreamLogs, { level: 'warn', q: 'disk' });
    if (!('command' in validated)) throw new Error('a good payload was refused');
    const actor = { userId: 'u', sessionId: 's', email: 'e', role: 'readonly' };
    const context = { actor } as ActionContext;
    const command = Object.assign(validated.command as StreamLogs, { context });
    expect(await new StreamLogsHandler(tickets).execute(command)).toEqual({
      ticket: 'a-ticket',
      expires_in: 30,
      subscribe: { type: 'subscribe', topic: 'logs', filter: { level: 'warn', q: 'disk' } },
    });
    expect(holders).toEqual([actor]);
  });

  it.each([
    [{ level: 'loud' }, 'payload.level'],
    [{ source: '' }, 'payload.source'],
    [{ q: 'x'.repeat(201) }, 'payload.q'],
    [{ since: 'now' }, 'payload.since'],
  ])('refuses %j', (payload, path) => {
    expect(payloadErrors(StreamLogs, payload).map((error) => error.path)).toContain(path);
  });
});
