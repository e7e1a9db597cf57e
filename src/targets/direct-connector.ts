/**
 * Dials a target from the gateway itself. Stage 4 of the path calls it, with a `Grant` in hand; it refuses nothing on its own. Addresses
 * are internal: they go into the cause, never into the message that a client sees.
 */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import { GwError } from '../contract/gw-error.js';
import type { Target } from '../contract/target.js';

export interface DialOptions {
  /** Milliseconds for name resolution and connection together. */
  readonly timeoutMs: number;
  /** Reads straight into a buffer of the caller instead of emitting `data`. Data may arrive as soon as the connection is up. */
  readonly onread?: OnReadOpts;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ENOTFOUND: 'its name could not be resolved',
  EAI_AGAIN: 'its name could not be resolved',
  ETIMEDOUT: 'it did not answer in time',
  EMFILE: 'the gateway has too many open connections',
  EADDRNOTAVAIL: 'the gateway has no free port towards it',
};

/**
 * A connected socket with `TCP_NODELAY` and keep-alive set; the caller owns it and must destroy it. Half-open: the end of one direction
 * does not end the other.
 * @throws GwError `target.unreachable`
 */
export function dial(target: Pick<Target, 'name' | 'host' | 'port'>, options: DialOptions): Promise<Socket> {
  const { timeoutMs, onread, signal } = options;
  const unreachable = (reason: string, cause: unknown): GwError =>
    new GwError('target.unreachable', `The target "${target.name}" could not be reached: ${reason}.`, { cause });
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(unreachable('the attempt was given up', signal.reason));
      return;
    }
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      allowHalfOpen: true,
      ...(onread === undefined ? {} : { onread }),
    });
    const fail = (error: GwError): void => {
      settled();
      socket.destroy();
      reject(error);
    };
    const onError = (error: NodeJS.ErrnoException): void => fail(unreachable(REASONS[error.code ?? ''] ?? 'the connection failed', error));
    const onAbort = (): void => fail(unreachable('the attempt was given up', signal?.reason));
    const timer = setTimeout(() => fail(unreachable('it did not answer in time', { host: target.host, port: target.port, timeoutMs })), timeoutMs);
    const settled = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      // An error before the caller listens must not end the process: the caller sees the socket destroyed and `close`.
      socket.on('error', () => undefined);
    };
    socket.once('error', onError);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => {
      settled();
      resolve(socket);
    });
  });
}
