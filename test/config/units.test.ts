import { describe, expect, it } from 'vitest';
import { formatByteSize, parseByteSize } from '../../src/base/byte-size.js';
import { formatDuration, parseDuration } from '../../src/base/duration.js';
import { isLoopbackHost } from '../../src/base/loopback-host.js';
import { createAddressFilter, formatHostPort, parseAddressRange, parseHostPort } from '../../src/config/index.js';

describe('durations', () => {
  it.each([
    ['50ms', 50],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['0s', 0],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));
  it.each(['', '30', 's', '-1s', '1 s', '1S', '1e3s', '5min', 'ms5', '1.s', '1'.repeat(80)])('refuses %j', (text) => expect(parseDuration(text)).toBeNull());
  it('prints the shortest exact form', () => expect([90_000, 3_600_000, 50, 0].map(formatDuration)).toEqual(['90s', '1h', '50ms', '0ms']));
});

describe('sizes', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['64 KiB', 65_536],
    ['1.5MiB', 1_572_864],
    ['10MB', 10_000_000],
  ])('%s', (text, bytes) => expect(parseByteSize(text)).toBe(bytes));
  it.each(['', '64', '64K', '-1B', '64kib', '99999999999TiB'])('refuses %j', (text) => expect(parseByteSize(text)).toBeNull());
  it('prints the shortest exact form', () => expect([65_536, 1000, 2 ** 30].map(formatByteSize)).toEqual(['64KiB', '1000B', '1GiB']));
});

describe('host and port', () => {
  it.each([
    ['127.0.0.1:7443', { host: '127.0.0.1', port: 7443 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['db_1.internal:65535', { host: 'db_1.internal', port: 65_535 }],
  ])('%s', (text, address) => {
    expect(parseHostPort(text)).toEqual(address);
    expect(formatHostPort(address)).toBe(text);
  });
  it.each(['', 'host', ':5432', '::1:5432', 'host:65536', 'host:-1', 'a b:1', 'host:1/x', 'user@host:1', '[host]:1', 'host\n:1'])('refuses %j', (text) =>
    expect(parseHostPort(text)).toBeNull(),
  );
  it('fills in a port only where one is given', () => expect(parseHostPort('db', 5432)).toEqual({ host: 'db', port: 5432 }));
  it('takes only loopback for loopback', () => {
    expect(['localhost', '127.0.0.1', '127.9.9.9', '[::1]', '::1'].every(isLoopbackHost)).toBe(true);
    expect(['127.0.0.1.example.com', 'localhost.example.com', '0.0.0.0', '10.0.0.1', '::', '128.0.0.1'].some(isLoopbackHost)).toBe(false);
  });
});

describe('address ranges', () => {
  const filter = createAddressFilter(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'].flatMap((text) => parseAddressRange(text) ?? []));
  it.each(['10.1.2.3', '192.0.2.7', '2001:db8::5', '::ffff:10.1.2.3'])('lets %s in', (address) => expect(filter(address)).toBe(true));
  it.each(['11.0.0.1', '192.0.2.8', '2001:db9::1', '::ffff:11.0.0.1', 'nonsense', undefined])('keeps %s out', (address) => expect(filter(address)).toBe(false));
  it.each(['10.0.0.0/33', '::/129', 'x/8', '10.0.0.0/', '10.0.0.0/-1', 'fe80::1%eth0'])('refuses %j', (text) => expect(parseAddressRange(text)).toBeNull());
});
