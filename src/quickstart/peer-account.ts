/**
 * Whose program is at the other end of a loopback connection? The identity provider of the world asks nobody for a password, so it answers only
 * the account that started it, and root: without that, another account of the same machine could log in as alice and run commands on web-1
 * as whoever started the world. Linux tells it in its list of sockets; elsewhere it cannot be known.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** Lists of the sockets of this network: `sl local remote state queues timer retransmits uid timeout inode`. The second one has those that came as IPv6. */
const LISTS = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
const LOOPBACK = /^(?:0100007F|0000000000000000FFFF00000100007F):([0-9A-F]{4})$/;

/** The words of each socket of this network; null: they cannot be known here. */
async function sockets(): Promise<readonly (readonly string[])[] | null> {
  const [first, second] = await Promise.all(LISTS.map((file) => readFile(file, 'utf8').catch(() => null)));
  if (first === null || first === undefined) return null;
  return [first, second ?? ''].flatMap((text) =>
    text
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)),
  );
}

/** Can it be known on this machine? */
export const peersAreKnown = async (): Promise<boolean> => (await sockets()) !== null;

/** Is the peer of this loopback connection a program of ours, or root's? True where it cannot be known. */
export async function isOurPeer({ localPort, remotePort }: Pick<Socket, 'localPort' | 'remotePort'>): Promise<boolean> {
  const all = await sockets();
  if (all === null) return true;
  const portOf = (address: string | undefined): number => Number.parseInt(LOOPBACK.exec(address ?? '')?.[1] ?? '-1', 16);
  const peer = all.find(([, local, remote]) => portOf(local) === remotePort && portOf(remote) === localPort);
  // A socket that nobody holds any more is listed as root's, without an inode.
  if (peer === undefined || peer[9] === '0') return false;
  const uid = Number(peer[7]);
  return uid === 0 || uid === process.getuid?.();
}
