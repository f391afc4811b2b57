import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';

/**
 * Finds the address of the client: the peer, or what trusted proxies report.
 *
 * Each proxy appends the address it saw, so we read the list from the right. The first untrusted address wrote everything to
 * its left, which could be anything.
 *
 * @param trustedProxies CIDRs of the peers whose `X-Forwarded-For` we believe
 */
export function clientAddress(trustedProxies: readonly string[]) {
  const trusted = new BlockList();
  for (const range of trustedProxies) {
    const [address = '', prefix] = range.split('/');
    if (isIP(address) === 0 || prefix === undefined) {
      throw new TypeError(`trustedProxies: "${range}" is not a CIDR such as 10.0.0.0/8`);
    }
    trusted.addSubnet(address, Number(prefix), family(address));
  }
  const isTrusted = (address: string) => trusted.check(address, family(address));

  return function clientAddress({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string {
    const peer = canonicalAddress(socket.remoteAddress ?? '');
    if (peer === undefined) return 'unknown';
    const forwarded = headers['x-forwarded-for'];
    if (forwarded === undefined || !isTrusted(peer)) return peer;
    // Node joins repeated lines in order.
    let farthest = peer;
    for (const entry of String(forwarded).split(',').toReversed()) {
      const address = canonicalAddress(withoutPort(entry.trim()));
      if (address === undefined) return peer;
      farthest = address;
      if (!isTrusted(address)) break;
    }
    return farthest;
  };
}

/** The key of an address's rate limit: an IPv6 customer has a whole /64 and could use a new address each time. */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}

/** Azure Application Gateway writes `192.0.2.1:50001` and `[2001:db8::1]:443`. An IPv6 address has more than one colon. */
function withoutPort(entry: string): string {
  return (
    /^(?:\[(?<v6>[\da-f:.]+)\]|(?<v4>[\d.]+))(?::\d{1,5})?$/i.exec(entry)?.slice(1).find(Boolean) ?? entry
  );
}

/** One spelling per address; an IPv4 address mapped into IPv6 (dual-stack sockets) is the IPv4 address. */
function canonicalAddress(text: string): string | undefined {
  if (isIP(text) !== 6) return isIP(text) === 4 ? text : undefined;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : '';
  return isIP(mapped) === 4 ? mapped : address;
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
