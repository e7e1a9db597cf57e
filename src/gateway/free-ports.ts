/**
 * Finds a port for every listen address whose port is 0. All workers must share one port, and a worker that starts later must find it
 * again, so the number is fixed here once instead of being taken anew by each process.
 */
import { createServer } from 'node:net';
import { GwError } from '../contract/gw-error.js';
import type { ListenAddress } from './worker-messages.js';

/** One port for each address, in order. The probes are open together, so no two addresses get the same. @throws GwError `gateway.listen` */
export async function freePorts(addresses: readonly ListenAddress[]): Promise<number[]> {
  const probes = await Promise.all(addresses.map((address) => (address.port === 0 ? probe(address.host) : null)));
  const ports = addresses.map((address, index) => probes[index]?.port ?? address.port);
  await Promise.all(probes.map((each) => each?.close()));
  return ports;
}

function probe(host: string): Promise<{ port: number; close: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause) => reject(new GwError('gateway.listen', `The gateway cannot listen on ${host}.`, { cause })));
    server.listen({ host, port: 0 }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ port, close: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}
