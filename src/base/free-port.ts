/**
 * Ports for servers that must be told a number, and for others to find again. They lie below those that systems give to outgoing connections (from 32768 on
 * in Linux, 49152 elsewhere): one of these may be a connection's own by the time that the server listens.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST = 20_000;
const PORTS = 12_000;
const ATTEMPTS = 200;

/** A port that nobody else is given until it is released. */
export interface HeldPort {
  readonly port: number;
  release(): Promise<void>;
}

/** Where hardly one of them is free, any that the system has. @throws the error of the system when there is none, or the host is none of this machine */
export async function holdFreePort(host: string): Promise<HeldPort> {
  for (let attempt = 1; ; attempt++) {
    const held = await holdPort(host, attempt > ATTEMPTS ? 0 : FIRST + randomInt(PORTS));
    if (held !== null) return held;
  }
}

/** A number that was free a moment ago, on loopback where no host is given. @throws as `holdFreePort` */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const { port, release } = await holdFreePort(host);
  await release();
  return port;
}

/** Null: somebody listens there. @throws the error of the system when it cannot be listened on for another reason */
export function holdPort(host: string, port: number): Promise<HeldPort | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE' && port !== 0) resolve(null);
      else reject(cause);
    });
    server.listen({ host, port }, () => {
      const address = server.address();
      const listening = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ port: listening, release: () => new Promise((released) => server.close(() => released())) });
    });
  });
}
