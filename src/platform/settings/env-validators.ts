import { makeValidator } from 'envalid';
import { IpAllowList } from '../security/ip-allow-list';
import { MAX_POOL_NAME, POOL_NAME } from './fleet.settings';

/** Texts, separated by commas. */
export const list = makeValidator<string[]>((input) =>
  input
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);

/** At least so many networks, checked here so that no process starts with a list that means something else than it says. */
export const networks = (least: number) =>
  makeValidator<string[]>((input) => {
    const entries = input
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean);
    new IpAllowList(entries);
    if (entries.length < least) throw new Error('must name at least one network');
    return entries;
  });

/** A URL with one of these schemes. */
export const connectionUrl = (schemes: string[]) =>
  makeValidator<string>((input) => {
    const scheme = URL.canParse(input) ? new URL(input).protocol.replace(/:$/, '') : '';
    if (!schemes.includes(scheme))
      throw new Error(`must be a URL starting with ${schemes.join(':// or ')}://`);
    return input;
  });

/** A whole number in these bounds. */
export const wholeNumber = (min: number, max: number) =>
  makeValidator<number>((input) => {
    const value = Number(input);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  });

/** A number from 0 to 1. */
export const fraction = makeValidator<number>((input) => {
  const value = Number(input);
  if (!(value >= 0 && value <= 1)) throw new Error('must be a number from 0 to 1');
  return value;
});

/** The name of a pool of workers. */
export const poolName = makeValidator<string>((input) => {
  if (!POOL_NAME.test(input) || input.length > MAX_POOL_NAME)
    throw new Error(`must be words of a-z and 0-9 with hyphens, ${MAX_POOL_NAME} characters at most`);
  return input;
});

/** Names with what is kept secret about each. */
export const tokens = makeValidator<Readonly<Record<string, string>>>((input) => {
  const found: Record<string, string> = {};
  for (const part of input.split(',').map((text) => text.trim())) {
    const [, name, token] = /^([a-z0-9-]{1,64})=([\x21-\x7e]+)$/.exec(part) ?? [];
    if (name === undefined || token === undefined)
      throw new Error('must be a list like name=token,other=token');
    found[name] = token;
  }
  return found;
});
