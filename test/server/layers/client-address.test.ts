import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { addressKey, clientAddress } from '../../../src/server/layers/client-address.js';

function addressOf(peer: string, forwarded: string | undefined, trustedProxies: readonly string[]): string {
  const socket = { remoteAddress: peer } as IncomingMessage['socket'];
  return clientAddress(trustedProxies)({
    socket,
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  });
}

const PROXIES = ['10.0.0.0/8', 'fd00::/8'];

describe('the address of a client', () => {
  test.each([
    ['is the peer when no proxy is trusted', '203.0.113.9', '198.51.100.1', [], '203.0.113.9'],
    [
      'is the peer when the peer is not a trusted proxy',
      '203.0.113.9',
      '198.51.100.1',
      PROXIES,
      '203.0.113.9',
    ],
    ['is what a trusted proxy saw', '10.0.0.1', '198.51.100.1', PROXIES, '198.51.100.1'],
    ['is not what the client wrote before it', '10.0.0.1', '1.1.1.1, 198.51.100.1', PROXIES, '198.51.100.1'],
    [
      'is found behind several proxies',
      '10.0.0.1',
      '1.1.1.1, 198.51.100.1, 10.2.2.2',
      PROXIES,
      '198.51.100.1',
    ],
    ['is the farthest proxy when all are trusted', '10.0.0.1', '10.3.3.3, 10.2.2.2', PROXIES, '10.3.3.3'],
    ['is the peer when an entry is malformed', '10.0.0.1', '198.51.100.1:http', PROXIES, '10.0.0.1'],
    ['is the peer when a port has too many digits', '10.0.0.1', '198.51.100.1:123456', PROXIES, '10.0.0.1'],
    ['is the peer when a bracket is not closed', '10.0.0.1', '[2001:db8::7', PROXIES, '10.0.0.1'],
    ['leaves out the port of an IPv4 address', '10.0.0.1', '198.51.100.1:50001', PROXIES, '198.51.100.1'],
    ['leaves out the port of an IPv6 address', '10.0.0.1', '[2001:db8::7]:443', PROXIES, '2001:db8::7'],
    ['leaves out the brackets of an IPv6 address', '10.0.0.1', '[2001:DB8::7]', PROXIES, '2001:db8::7'],
    [
      'is read behind a proxy that is itself written with a port',
      '10.0.0.1',
      '198.51.100.1:1, 10.2.2.2:50001',
      PROXIES,
      '198.51.100.1',
    ],
    ['is the peer when an entry is empty', '10.0.0.1', '198.51.100.1, ', PROXIES, '10.0.0.1'],
    [
      'cannot be spoilt by what stands left of it',
      '10.0.0.1',
      'garbage, 198.51.100.1',
      PROXIES,
      '198.51.100.1',
    ],
    ['is IPv4 on a dual-stack socket', '::ffff:10.0.0.1', '::ffff:c633:6401', PROXIES, '198.51.100.1'],
    ['has one spelling in IPv6', 'fd00::1', '2001:DB8:0:0:0::7', PROXIES, '2001:db8::7'],
    ['is unknown when the socket is already gone', '', '198.51.100.1', PROXIES, 'unknown'],
  ])('%s', (_promise, peer, forwarded, proxies, expected) => {
    expect(addressOf(peer, forwarded, proxies)).toBe(expected);
  });

  test('never comes from the header when the peer is not listed', () => {
    const forged = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string());
    fc.assert(
      fc.property(forged, (forwarded) => addressOf('203.0.113.9', forwarded, PROXIES) === '203.0.113.9'),
    );
  });

  test('is always an address, whatever a trusted proxy sends', () => {
    const entry = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string());
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        expect(addressOf('10.0.0.1', entries.join(', '), PROXIES)).toMatch(/^[\da-f:.]+$/);
      }),
    );
  });

  test.each(['10.0.0.0', 'proxy.internal/8', '10.0.0.0/99', ''])('a trusted proxy cannot be %p', (range) => {
    expect(() => clientAddress([range])).toThrow();
  });
});

describe('the key an address is limited under', () => {
  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::7', '2001:db8:0:0::/64'],
    ['2001:db8:1::3:4:5:6', '2001:db8:1:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ])('%s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
