/** Which addresses a request may go to. */
import ipaddr from 'ipaddr.js';

/** Of hosts that `allow` names. Link-local ones are never among them: there clouds hand out credentials. */
const INTERNAL = ['private', 'loopback', 'uniqueLocal', 'carrierGradeNat'];
/** Where clouds hand out credentials, in ranges that are otherwise public or internal (Azure, Alibaba, AWS, Google). */
const METADATA = ['168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254'].map(canonical);
/** All that is given out of IPv6 (RFC 4291 §2.4). What ipaddr.js calls unicast beyond it holds `::7f00:1`, an IPv4 address. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Fails closed: of the registries of IANA only what anybody may use. So no IPv4 address in another's clothes passes
 * (mapped, NAT64, 6to4, Teredo).
 *
 * @param address as the system resolved it, or as `URL` wrote it
 * @param isInternal whether `allow` names the host
 */
export function isReachable(address: string, isInternal: boolean): boolean {
  if (!ipaddr.isValid(address) || METADATA.includes(canonical(address))) return false;
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (isInternal && INTERNAL.includes(range)) return true;
  return range === 'unicast' && (parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST));
}

function canonical(address: string): string {
  return ipaddr.parse(address).toString();
}
