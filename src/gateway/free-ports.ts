/**
 * Finds a port for every listen address whose port is 0. All workers must share one port, and a worker that starts later must find it
 * again, so the number is fixed here once instead of being taken anew by each process.
 */
import { type HeldPort, holdFreePort } from '../base/free-port.js';
import { GwError } from '../contract/gw-error.js';
import type { ListenAddress } from './worker-messages.js';

/** One port for each address, in order. The probes are open together, so no two addresses get the same. @throws GwError `gateway.listen` */
export async function freePorts(addresses: readonly ListenAddress[]): Promise<number[]> {
  const held = await Promise.all(addresses.map(({ host, port }) => (port === 0 ? hold(host) : null)));
  await Promise.all(held.map((each) => each?.release()));
  return addresses.map(({ port }, index) => held[index]?.port ?? port);
}

async function hold(host: string): Promise<HeldPort> {
  try {
    return await holdFreePort(host);
  } catch (cause) {
    throw new GwError('gateway.listen', `The gateway cannot listen on ${host}.`, { cause });
  }
}
