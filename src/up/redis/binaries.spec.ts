import { packagesIn } from '../tools/apt';
import { parseRedisVersion } from './binaries';

describe('finding Redis', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64', { version: '7.0.15', major: 7 }],
    ['Valkey server v=8.0.1 sha=0:0 malloc=libc bits=64', { version: '8.0.1', major: 8 }],
    ["redis-server: version `GLIBC_2.38' not found", undefined],
  ])('reads %s', (text, expected) => expect(parseRedisVersion(text)).toEqual(expected));

  it('reads which packages an installation would bring', () => {
    const simulation =
      'NOTE: ...\nInst libjemalloc2 (5.3.0-1 Debian:12)\nInst redis-server (5:7.0.15)\nConf redis-server (5:7.0.15)';
    expect(packagesIn(simulation)).toEqual(['libjemalloc2', 'redis-server']);
  });
});
