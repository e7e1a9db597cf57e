/**
 * Which ports the world uses. The first start takes the usual ones, `--port 0` takes free ones; later starts take the same again, so that
 * logins, tokens and bookmarks stay good. Only a port that was asked for is insisted on.
 */
import { errorCode } from '../base/error-code.js';
import { type HeldPort, holdFreePort, holdPort } from '../base/free-port.js';
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
  const held: HeldPort[] = [];
  const settle = async (wanted: number, insist: boolean): Promise<number> => {
    const found = wanted === 0 ? null : await hold(wanted);
    if (found === null && insist) {
      throw new GwError('quickstart.start', `Port ${wanted} on ${HOST} is taken by another program.`, {
        hint: 'Choose another one with `--port N`, or any free ones with `--port 0`.',
        detail: { port: wanted },
      });
    }
    const port = found ?? (await holdFreePort(HOST));
    // Held until all are chosen, so that no two get the same.
    held.push(port);
    return port.port;
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
    await Promise.all(held.map((each) => each.release()));
  }
}

/** Null: another program has it. */
async function hold(port: number): Promise<HeldPort | null> {
  try {
    return await holdPort(HOST, port);
  } catch (cause) {
    throw new GwError('quickstart.start', `Port ${port} on ${HOST} cannot be used: ${errorCode(cause)}.`, {
      hint: 'Choose another one with `--port N`, or any free ones with `--port 0`.',
      cause,
    });
  }
}
