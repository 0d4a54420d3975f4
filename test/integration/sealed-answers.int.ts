import { startInstallation, type TestInstallation } from '../support/installation';
import { newKey } from '../support/pipeline';
import { WsClient } from '../support/ws-client';

interface LogStream {
  ticket: string;
}

let installation: TestInstallation;
beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation?.close());

describe('an answer that lets somebody in', () => {
  it('is the same each time its key is used, at every process, and is not to be read anywhere else', async () => {
    const { client } = await installation.user('operator');
    const headers = newKey();
    const ask = (api: number) =>
      installation.at(client, api).action<LogStream>('logs.stream_realtime', { q: 'disk' }, { headers });
    const [first, again] = [await ask(0), await ask(1)];
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.bytes.equals(first.bytes)).toBe(true);

    const { ticket } = first.data;
    const [row] = await installation.database.query<{ whole: string; body: string; result: object }>(
      `SELECT executions::text AS whole, convert_from(response_body, 'UTF8') AS body, result
         FROM executions WHERE id = $1`,
      [first.body.execution_id],
    );
    expect(`${row?.whole} ${row?.body}`).not.toContain(ticket);
    expect(row?.result).toEqual({ ticket: '[masked]', subscribe: '[masked]', expires_in: 30 });
    const status = await client.get(`/api/admin/action/status?execution_id=${first.body.execution_id}`);
    expect(status.data).toMatchObject({ execution: { result: { ticket: '[masked]' } } });

    const socket = await WsClient.open(installation.wsUrl(1));
    socket.send({ type: 'auth', ticket });
    await socket.waitFor(({ type }) => type === 'ready');
    await socket.close();
  });

  it('is all that is kept of what people were found, or found out', async () => {
    const { user, client } = await installation.user('supervisor');
    const reason = `because of ${user.id.slice(-12)}`;
    const { client: operator } = await installation.user('operator');
    expect((await operator.action('queue.resume', { queue: 'all' }, { options: { reason } })).status).toBe(
      200,
    );
    const found = [
      await client.action('config.list_users', {}, { headers: newKey() }),
      await client.action('logs.search_audit', { limit: 5 }, { headers: newKey() }),
    ];
    expect(found[0]?.bytes.toString()).toContain(user.email);
    expect(found[1]?.bytes.toString()).toContain(reason);
    const texts = await installation.database.query<{ whole: string }>(
      `SELECT concat(executions::text, convert_from(response_body, 'UTF8')) AS whole FROM executions
        WHERE actor_id = $1`,
      [user.id],
    );
    expect(texts).toHaveLength(2);
    for (const { whole } of texts) {
      expect(whole).not.toContain(user.email);
      expect(whole).not.toContain(reason);
    }
  });

  it('is not opened for another execution', async () => {
    const { client } = await installation.user('operator');
    const [mine, other] = [newKey(), newKey()];
    const ask = (headers: Record<string, string>) =>
      client.action<LogStream>('logs.stream_realtime', {}, { headers });
    const ids = [(await ask(mine)).body.execution_id, (await ask(other)).body.execution_id];
    await installation.database.query(
      `UPDATE executions SET response_body = (SELECT response_body FROM executions WHERE id = $2) WHERE id = $1`,
      ids,
    );
    expect((await ask(mine)).status).toBe(500);
    expect((await ask(other)).status).toBe(200);
  });
});
