import { describe, expect, test } from '@jest/globals';
import { isReachable } from '../../../src/server/helpers/reachable-address.js';

const PUBLIC = [
  '8.8.8.8',
  '172.32.0.1',
  '100.128.0.1',
  '169.253.0.1',
  '2606:4700::1111',
  '2001:4860:4860::8888',
];
const INTERNAL = {
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12::1'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  shared: ['100.64.0.1', '100.127.255.255'],
};
const CLOSED = {
  'link-local': ['169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'fec0::1'],
  metadata: ['168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'FD00:EC2:0:0:0:0:0:254', 'fd20:ce::254'],
  unspecified: ['0.0.0.0', '0.1.2.3', '::'],
  'multicast and broadcast': ['224.0.0.1', '239.255.255.250', '255.255.255.255', 'ff02::1'],
  reserved: ['192.0.0.8', '198.18.0.1', '240.0.0.1', '100::1', '100:0:0:1::1', '4000::1', '5f00::1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  'IPv4 in IPv6': [
    '::ffff:8.8.8.8', // mapped
    '::ffff:7f00:1',
    '::7f00:1', // compatible
    '::ffff:0:7f00:1', // translated
    '64:ff9b::7f00:1', // NAT64
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::', // 6to4
    '2001:0:7f00:1::', // Teredo
  ],
  'no address': ['', 'localhost', '127.0.0.1:80', '[::1]'],
};

test('public addresses are reachable', () => {
  expect(PUBLIC.filter((address) => !isReachable(address, false))).toEqual([]);
});

describe('internal addresses are reachable only for a host that is allowed', () => {
  test.each(Object.entries(INTERNAL))('%s', (_, addresses) => {
    expect(addresses.filter((address) => isReachable(address, false))).toEqual([]);
    expect(addresses.filter((address) => !isReachable(address, true))).toEqual([]);
  });
});

describe('all others are reachable for nobody', () => {
  test.each(Object.entries(CLOSED))('%s', (_, addresses) => {
    expect(addresses.filter((address) => isReachable(address, false))).toEqual([]);
    expect(addresses.filter((address) => isReachable(address, true))).toEqual([]);
  });
});
