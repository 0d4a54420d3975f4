import type { Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import type { Cluster } from '../../support/cluster';
import { eventually } from '../../support/eventually';
import { forgetPeak, memoryMib } from '../../support/memory';
import { clientFrame } from '../../support/raw-socket';
import { WsClient } from '../../support/ws-client';

const BOMBS = 30;
const INFLATED_BYTES = 60_000_000;
/** Less than what two of them come to. */
const ROOM_MIB = 96;

/** Messages that are small on their way and large when they are there (RFC 7692). */
export function bombs(running: () => Cluster): void {
  it('gets 1009 for each of many at once, before it takes memory', async () => {
    const cluster = running();
    const clients = await Promise.all(
      Array.from({ length: BOMBS }, () => WsClient.open(cluster.wsUrl(), { perMessageDeflate: true })),
    );
    const deflated = deflateRawSync(Buffer.alloc(INFLATED_BYTES, 'x'), {
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    const bomb = clientFrame(0xc1, deflated.subarray(0, -4));
    expect(bomb.length).toBeLessThan(65_536);
    const { pid } = cluster.apis[0] ?? { pid: 0 };
    const before = memoryMib(pid, 'now');
    forgetPeak(pid);
    for (const client of clients) (client['socket'] as unknown as { _socket: Socket })._socket.write(bomb);
    await eventually(() =>
      expect(clients.map(({ closed }) => closed?.code)).toEqual(clients.map(() => 1009)),
    );
    expect(memoryMib(pid, 'peak') - before).toBeLessThan(ROOM_MIB);
  });
}
