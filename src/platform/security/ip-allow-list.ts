import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An address, and its usual form. */
interface Parsed {
  readonly address: Address;
  readonly text: string;
}

/** A set of networks in CIDR notation. IPv4 and IPv4-mapped IPv6 forms of an address are the same. */
export class IpAllowList {
  private readonly ranges: [Address, number][];
  /** Of addresses that were asked for, since they are so again; forgotten all at once when they become many. */
  private readonly verdicts = new Map<string, boolean>();

  /**
   * @throws Error naming the first entry that is not a CIDR range or an address in its plain form, or whose
   *   range is wider than its address says: `10.1.0.0/0` would be everything
   */
  constructor(entries: readonly string[]) {
    this.ranges = entries.map(parseRange);
  }

  /** Whether the list has no entry, and so contains no address. */
  get empty(): boolean {
    return this.ranges.length === 0;
  }

  /** Whether the address is in one of the networks; false for what is not an address. */
  contains(text: string): boolean {
    const old = this.verdicts.get(text);
    if (old !== undefined) return old;
    const address = parseAddress(text)?.address;
    if (!address) return false;
    const verdict = this.ranges.some(
      ([network, bits]) => network.kind() === address.kind() && address.match(network, bits),
    );
    if (this.verdicts.size >= MAX_KNOWN) this.verdicts.clear();
    this.verdicts.set(text, verdict);
    return verdict;
  }
}

/** What stands for the address of a client whose proxy did not give one that can be read. It is in no list. */
export const UNKNOWN_ADDRESS = 'unknown';

/**
 * The address that a request comes from: the peer's, or, when the peer is a trusted proxy, the last address
 * in X-Forwarded-For that is not one. What stands left of that was sent by the client and is not believed.
 * Something else than an address at that place is {@link UNKNOWN_ADDRESS}: the proxy's own would open doors.
 */
export function clientIp(peer: string, forwardedFor: string | undefined, trusted: IpAllowList): string {
  // Whoever has no proxy before him is the peer.
  if (forwardedFor === undefined) return parseAddress(peer)?.text ?? UNKNOWN_ADDRESS;
  const hops = [...forwardedFor.split(',').map((hop) => hop.trim()), peer];
  let client = peer;
  for (const hop of hops.reverse()) {
    const address = parseAddress(hop);
    if (!address) return UNKNOWN_ADDRESS;
    client = address.text;
    if (!trusted.contains(client)) break;
  }
  return client;
}

/** Addresses that were parsed, since those who ask do so again; forgotten all at once when they become many. */
const known = new Map<string, Parsed>();
const MAX_KNOWN = 1_000;

function parseAddress(text: string): Parsed | undefined {
  const old = known.get(text);
  if (old) return old;
  const address = addressOf(text);
  if (!address) return undefined;
  const parsed = { address, text: address.toString() };
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(text, parsed);
  return parsed;
}

function addressOf(text: string): Address | undefined {
  // Only link-local addresses have zones, which say by which interface they came.
  const plain = text.replace(/^(fe[89ab][0-9a-f]:.*)%.*$/i, '$1');
  if (plain.includes('%')) return undefined;
  // Only the plain forms: 010.0.0.1 or 0x0a.1 mean different hosts to different parsers.
  const dotted = /^(.*:)?(\d[\d.]*\.[\d.]*)$/.exec(plain);
  if (dotted && !ipaddr.IPv4.isValidFourPartDecimal(dotted[2] ?? '')) return undefined;
  // IPv4-compatible addresses (deprecated by RFC 4291) belong to nobody, and must not be taken for the IPv4 ones.
  if (dotted?.[1] === '::') return undefined;
  if (!ipaddr.IPv6.isValid(plain) && !dotted) return undefined;
  return ipaddr.isValid(plain) ? ipaddr.process(plain) : undefined;
}

function parseRange(entry: string): [Address, number] {
  const [text = '', bitsText, ...rest] = entry.split('/');
  const { address, text: plain } = parseAddress(text) ?? {};
  const width = address?.kind() === 'ipv4' ? 32 : 128;
  const bits = bitsText === undefined ? width : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : -1;
  if (!address || rest.length > 0 || bits < 0 || bits > width)
    throw new Error(`"${entry}" is not an address or a CIDR range such as 10.0.0.0/8`);
  const network = networkOf(address, bits);
  if (network !== plain)
    throw new Error(`"${entry}" has an address that is not the first of its range: ${network}/${bits}`);
  return [address, bits];
}

function networkOf(address: Address, bits: number): string {
  const range = `${address.toString()}/${bits}`;
  const type = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return type.networkAddressFromCIDR(range).toString();
}
