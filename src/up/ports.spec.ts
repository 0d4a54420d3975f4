import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { freePort, requirePort } from './ports';

describe('ports', () => {
  let server: Server;
  let taken: number;

  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    taken = (server.address() as AddressInfo).port;
  });
  afterEach(() => void server.close());

  it('keeps the preferred port while it is free, and takes another when it is not', async () => {
    const free = await freePort();
    expect(await freePort(free)).toBe(free);
    expect(await freePort(taken)).not.toBe(taken);
  });

  it('says in one sentence which port is in use and what to do', async () => {
    await expect(requirePort(taken, '127.0.0.1', 'PORT')).rejects.toThrow(
      `Port ${taken} is in use by another program; stop it, or choose another one: PORT=${taken + 1} npm start`,
    );
    await expect(requirePort(0, '127.0.0.1', 'PORT')).resolves.toBeUndefined();
  });

  it('says that an address is not of this machine', async () => {
    await expect(requirePort(0, '192.0.2.1', 'PORT')).rejects.toThrow(
      'HOST=192.0.2.1 is no address of this machine.',
    );
  });
});
