/** The addresses that clients are told, from the configuration and the ports that were bound. */
import { formatHostPort, type GatewayConfig, type HostPort } from '../config/index.js';
import type { WorkerAddresses } from './worker-messages.js';

const WILDCARDS = new Set(['0.0.0.0', '::', '']);

/** `ports`: the bound ones, the TLS port first, then the native listeners in order. */
export function publicAddresses(config: GatewayConfig, ports: readonly number[]): WorkerAddresses {
  const { gateway } = config;
  const own = bound(gateway.listen, ports[0], 'localhost');
  const publicUrl = gateway.publicUrl ?? `https://${formatHostPort(own)}`;
  const native: Record<string, string> = {};
  gateway.native.forEach((listener, index) => {
    // One address for each protocol: the first listener is the one that clients are told.
    native[listener.protocol] ??=
      listener.advertise ?? formatHostPort(bound(listener.listen, ports[index + 1], new URL(publicUrl).hostname.replace(/^\[|\]$/g, '')));
  });
  return { publicUrl: publicUrl.replace(/\/$/, ''), native };
}

/** An address that accepts on all interfaces is none that a client could use. */
function bound(listen: HostPort, port: number | undefined, wildcardHost: string): HostPort {
  return { host: WILDCARDS.has(listen.host) ? wildcardHost : listen.host, port: port ?? listen.port };
}
