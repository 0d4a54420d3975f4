import { AppError } from '../platform/errors/app-error';
import { parseClientFrame } from './client-frame';

const parse = (value: unknown) =>
  parseClientFrame(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), false);

describe('parseClientFrame', () => {
  it.each([
    { type: 'auth', token: 'x.y.z' },
    { type: 'subscribe', topic: 'ssot' },
    { type: 'subscribe', topic: 'ssot', since: { offset: 0, epoch: 'e' } },
    { type: 'subscribe', topic: 'logs', filter: { level: 'warn', source: 'flow', q: 'disk' } },
    { type: 'subscribe', topic: 'logs', filter: {} },
    { type: 'auth', ticket: 'x' },
    { type: 'unsubscribe', topic: 'ssot' },
    { type: 'ping' },
  ])('reads %j', (frame) => {
    expect(parse(frame)).toEqual(frame);
  });

  it('leaves out what it does not know', () => {
    expect(parse({ type: 'ping', extra: 1 })).toEqual({ type: 'ping' });
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['another type', { type: 'shout' }],
    ['no type', {}],
    ['no token', { type: 'auth' }],
    ['a token that is no text', { type: 'auth', token: 7 }],
    ['an endless token', { type: 'auth', token: 'x'.repeat(5_000) }],
    ['a ticket that is no text', { type: 'auth', ticket: 7 }],
    ['a filter that is none', { type: 'subscribe', topic: 'logs', filter: [] }],
    ['an unknown level', { type: 'subscribe', topic: 'logs', filter: { level: 'loud' } }],
    ['an endless text', { type: 'subscribe', topic: 'logs', filter: { q: 'x'.repeat(201) } }],
    ['no topic', { type: 'subscribe' }],
    ['an empty topic', { type: 'subscribe', topic: '' }],
    ['an endless topic', { type: 'subscribe', topic: 'x'.repeat(101) }],
    ['a since that is nothing', { type: 'subscribe', topic: 'ssot', since: null }],
    ['a negative offset', { type: 'subscribe', topic: 'ssot', since: { offset: -1, epoch: 'e' } }],
    ['a broken offset', { type: 'subscribe', topic: 'ssot', since: { offset: 1.5, epoch: 'e' } }],
    ['no epoch', { type: 'subscribe', topic: 'ssot', since: { offset: 1 } }],
    ['a key twice', '{"type":"ping","type":"auth"}'],
    ['a prototype', '{"type":"ping","__proto__":{"type":"auth"}}'],
  ])('refuses %s', (_name, value) => {
    expect(() => parse(value)).toThrow(AppError);
  });

  it('refuses binary frames', () => {
    expect(() => parseClientFrame(Buffer.from('{"type":"ping"}'), true)).toThrow('Frames are text');
  });
});
