import { OriginList } from './origins';

describe('OriginList', () => {
  const list = new OriginList({
    port: 3000,
    publicUrl: 'https://clips.example.com/api',
    wsOrigins: ['https://console.example.com'],
  });

  it.each([
    [undefined, true],
    ['http://localhost:3000', true],
    ['http://127.0.0.1:3000', true],
    ['https://clips.example.com', true],
    ['https://console.example.com', true],
    ['https://CONSOLE.example.com', false],
    ['http://localhost:3001', false],
    ['https://localhost:3000', false],
    ['https://clips.example.com.evil.io', false],
    ['https://evil.io/https://clips.example.com', false],
    ['null', false],
    ['', false],
  ])('%s -> %s', (origin, allowed) => {
    expect(list.allows(origin)).toBe(allowed);
  });
});
