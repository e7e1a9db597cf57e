/**
 * Ranges of client addresses (CIDR), such as those that may read /metrics without a login. Used by the gateway's listeners; addresses
 * come from the kernel, never from a header, so nobody can claim to be in a range.
 */
import { BlockList, isIP } from 'node:net';

export interface AddressRange {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** `10.0.0.0/8`, `::1/128` or a single address; null when `text` is neither. */
export function parseAddressRange(text: string): AddressRange | null {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const version = isIP(address);
  if (version === 0 || address.includes('%')) return null;
  const bits = version === 4 ? 32 : 128;
  const digits = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(digits) || Number(digits) > bits) return null;
  return { address, prefix: Number(digits), family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** A test for the remote address of a socket; IPv4 seen through an IPv6 socket (`::ffff:10.0.0.1`) counts as IPv4. */
export function createAddressFilter(ranges: readonly AddressRange[]): (remoteAddress: string | undefined) => boolean {
  const list = new BlockList();
  for (const range of ranges) list.addSubnet(range.address, range.prefix, range.family);
  return (remoteAddress) => {
    if (remoteAddress === undefined) return false;
    const address = remoteAddress.startsWith('::ffff:') && remoteAddress.includes('.') ? remoteAddress.slice(7) : remoteAddress;
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}
