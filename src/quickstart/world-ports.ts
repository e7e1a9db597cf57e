/**
 * Which ports the world uses. The first start takes the usual ones, `--port 0` takes free ones; later starts take the same again, so that
 * logins, tokens and bookmarks stay good. Only a port that was asked for is insisted on.
 */
import { createServer, type Server } from 'node:net';
import { GwError } from '../contract/gw-error.js';
import type { WorldPorts, WorldState } from './world-directory.js';

const DEFAULT_PORT = 7443;
const USUAL = { native: 7432, bank: 7433, issuer: 7480, web: 7423, webNative: 7422 } as const;
const HOST = '127.0.0.1';

/**
 * Numbers that were free a moment ago. The caller retries when one is taken meanwhile.
 * @param asked `--port`, or null when it was not given
 * @throws GwError `quickstart.start` when a port that was asked for is taken
 */
export async function planPorts(asked: number | null, before: WorldState | null): Promise<{ ports: WorldPorts; requestedPort: number }> {
  const requestedPort = asked ?? before?.requestedPort ?? DEFAULT_PORT;
  const free = requestedPort === 0;
  const probes: Server[] = [];
  const settle = async (wanted: number, insist: boolean): Promise<number> => {
    const found = await probe(wanted);
    if (found === null && insist) {
      throw new GwError('quickstart.start', `Port ${wanted} on ${HOST} is taken by another program.`, {
        hint: 'Choose another one with `--port N`, or any free ones with `--port 0`.',
        detail: { port: wanted },
      });
    }
    const server = found ?? (await probe(0));
    if (server === null) throw new GwError('quickstart.start', `There is no free port on ${HOST}.`, { hint: 'Stop programs that listen on many ports.' });
    // Held until all are chosen, so that no two get the same.
    probes.push(server);
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  };
  try {
    const ports = {
      gateway: free ? await settle(before?.ports.gateway ?? 0, false) : await settle(requestedPort, true),
      native: await settle(before?.ports.native ?? (free ? 0 : USUAL.native), requestedPort === DEFAULT_PORT && before === null),
      bank: await settle(before?.ports.bank ?? (free ? 0 : USUAL.bank), false),
      issuer: await settle(before?.ports.issuer ?? (free ? 0 : USUAL.issuer), false),
    };
    // What a world was made without it does not get later: its gateway.yaml is the user's.
    if (before !== null && before.ports.web === undefined) return { ports, requestedPort };
    const web = await settle(before?.ports.web ?? (free ? 0 : USUAL.web), false);
    const webNative = await settle(before?.ports.webNative ?? (free ? 0 : USUAL.webNative), false);
    return { ports: { ...ports, web, webNative }, requestedPort };
  } finally {
    await Promise.all(probes.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** A server on the port, or null when it is taken. */
function probe(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') resolve(null);
      else
        reject(
          new GwError('quickstart.start', `Port ${port} on ${HOST} cannot be used: ${cause.code ?? 'unknown error'}.`, {
            hint: 'Choose another one with `--port N`, or any free ones with `--port 0`.',
            cause,
          }),
        );
    });
    server.listen(port, HOST, () => resolve(server));
  });
}
