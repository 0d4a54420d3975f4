import type { OutboundHost, OutboundSettings } from '../settings/outbound.settings';

/** What holds for a URL: the rule of its host, or why it is not called at all. */
export type HostRule = { readonly url: URL; readonly rule: OutboundHost } | { readonly refusal: string };

/** Whether, and how, the installation may call a URL. The refusal is a sentence for people. */
export function hostRuleOf({ hosts }: Pick<OutboundSettings, 'hosts'>, text: string): HostRule {
  if (!URL.canParse(text)) return { refusal: 'This is not a URL.' };
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return { refusal: 'The URL must begin with https://.' };
  if (url.username !== '' || url.password !== '')
    return { refusal: 'A URL with a user name or a password in it is not called.' };
  const rule = Object.hasOwn(hosts, url.host) ? hosts[url.host] : undefined;
  if (!rule) return { refusal: `The host ${url.host} is not among those of the settings outbound.hosts.` };
  if (url.protocol === 'http:' && !rule.plain_http)
    return { refusal: `The host ${url.host} may be called by https:// only; see outbound.hosts.` };
  return { url, rule };
}
