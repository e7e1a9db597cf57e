/**
 * Refuses requests that were meant for another host: a page whose name was re-bound to the gateway's address (DNS rebinding) sends its own
 * host, a cross-site page its own origin. Only what the socket and the configuration say counts; forwarded headers are never read (D15).
 */
import { isIP } from 'node:net';
import { GwError } from '../contract/gw-error.js';

export interface GuardedRequest {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** Local address of the socket. */
  readonly localAddress: string | undefined;
}

/** @throws GwError `api.origin` */
export function guardHost(request: GuardedRequest, publicUrl: string): void {
  const own = new URL(publicUrl);
  const hostname = hostnameOf(request.host);
  if (hostname === null || !isOwnHost(hostname, own.hostname, request.localAddress)) {
    throw new GwError('api.origin', 'The Host of the request is not this gateway.');
  }
  if (request.origin !== undefined && request.origin !== own.origin) throw new GwError('api.origin', 'The Origin of the request is not this gateway.');
}

/** The name without port and brackets, lower case; null when the header is missing or holds more than a host and a port. */
function hostnameOf(host: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

function isOwnHost(hostname: string, ownHostname: string, localAddress: string | undefined): boolean {
  if (hostname === ownHostname.toLowerCase().replace(/^\[|\]$/g, '') || hostname === 'localhost') return true;
  // An address cannot be re-bound: it is ours exactly when the connection came in on it.
  return isIP(hostname) !== 0 && hostname === localAddress?.replace(/^::ffff:/, '').toLowerCase();
}
