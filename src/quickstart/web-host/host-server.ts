/**
 * The small server of web-1, for machines without an sshd: one account with one key, programs with or without a terminal, and files (SFTP). What
 * is not asked for here (forwarding, the agent, X11) the library refuses. Everything that a client says is untrusted, also once it is in.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import ssh2, { type Connection, type Login, type ParsedKey, type Session } from 'ssh2';
import { GwError } from '../../contract/gw-error.js';
import { type HostAccount, type HostSession, serveSession } from './host-session.js';
import type { HostSettings } from './host-settings.js';

export interface HostServerOptions extends Omit<HostSettings, 'hostKeyFile'> {
  /** Private key in OpenSSH's format. */
  readonly hostKey: string;
}

export interface HostServer {
  /** Ends every session, and what runs in it, and takes no more. */
  stop(): Promise<void>;
}

const MAX_CONNECTIONS = 100;
const MAX_SESSIONS = 50;
const MAX_SESSIONS_OF_ALL = 200;
const MAX_LOGINS = 6;
/** From the first byte to a login that holds. */
const LOGIN_MS = 30_000;
/** For programs to end after SIGHUP. */
const HANG_UP_MS = 500;
const METHODS = ['publickey'];

/** @throws Error of node:net where it cannot listen, GwError where a key is none */
export async function startHostServer(options: HostServerOptions): Promise<HostServer> {
  const { host, port, username, shell, home } = options;
  const allowed = parsedKey(options.authorizedKey);
  const account: HostAccount = { username, shell, home, port };
  const sessions = new Set<HostSession>();
  let ending = false;
  const logins = new Map<string, NodeJS.Timeout>();
  const server = new ssh2.Server({ hostKeys: [options.hostKey], ident: 'gw_quickstart', algorithms: { compress: ['none'] } });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (connection, peer) => {
    guardLogin(connection, username, allowed);
    connection.on('ready', () => clearTimeout(logins.get(nameOf(peer.ip, peer.port))));
    serveSessions(connection, sessions, () => (ending ? null : (channel) => serveSession(channel, account, `${peer.ip} ${peer.port}`)));
  });
  const listener = createServer((socket) => {
    const name = nameOf(socket.remoteAddress, socket.remotePort);
    // Counted from here on: a client that never says who it is would keep its place for ever.
    logins.set(
      name,
      setTimeout(() => socket.destroy(), LOGIN_MS),
    );
    socket.once('close', () => {
      clearTimeout(logins.get(name));
      logins.delete(name);
    });
    socket.setNoDelay(true);
    server.injectSocket(socket);
  });
  listener.listen(port, host);
  await once(listener, 'listening');
  return {
    stop: async () => {
      ending = true;
      listener.close();
      const open = [...sessions];
      for (const session of open) session.hangUp();
      const timer = setTimeout(() => {
        for (const session of open) session.kill();
      }, HANG_UP_MS);
      await Promise.all(open.map(({ ended }) => ended));
      clearTimeout(timer);
    },
  };
}

const nameOf = (address: string | undefined, port: number | undefined): string => `${address ?? ''} ${port ?? ''}`;

function parsedKey(text: string): ParsedKey {
  const key = ssh2.utils.parseKey(text);
  if (key instanceof Error) throw new GwError('internal.error', 'The key that web-1 should let in is none.', { cause: key });
  return key;
}

/** Lets in the one account with the one key, and nobody else. */
function guardLogin(connection: Connection, username: string, allowed: ParsedKey): void {
  let attempts = 0;
  connection.on('authentication', (login) => {
    if (isAllowed(login, username, allowed)) login.accept();
    else if (++attempts > MAX_LOGINS) connection.end();
    else login.reject(METHODS);
  });
  // Clients leave in the middle of a sentence, and what cannot be read ends their connection; there is nobody here to tell.
  connection.on('error', () => undefined);
}

/** True without a signature, too: accepted, that says only that a signature by this key will do. */
function isAllowed({ method, username, key, signature, blob, hashAlgo }: Login, expected: string, allowed: ParsedKey): boolean {
  if (method !== 'publickey' || username !== expected || key === undefined) return false;
  if (key.algo !== allowed.type || !key.data.equals(allowed.getPublicSSH())) return false;
  if (signature === undefined) return true;
  return blob !== undefined && allowed.verify(blob, signature, hashAlgo) === true;
}

/** `server`: null when there are no more. */
function serveSessions(connection: Connection, all: Set<HostSession>, server: () => ((channel: Session) => HostSession) | null): void {
  const own = new Set<HostSession>();
  connection.on('session', (accept, reject) => {
    const serve = server();
    const channel = serve === null || own.size >= MAX_SESSIONS || all.size >= MAX_SESSIONS_OF_ALL ? undefined : accept();
    if (serve === null || channel === undefined) return reject();
    const session = serve(channel);
    own.add(session);
    all.add(session);
    void session.ended.then(() => {
      own.delete(session);
      all.delete(session);
    });
  });
  connection.on('close', () => {
    for (const session of own) session.hangUp();
  });
}
