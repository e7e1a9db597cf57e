/**
 * Reads the gateway's answer to the hello off a fresh tunnel. Input is untrusted: a code that this version does not know, or a field of
 * the wrong type, is an error and not a crash. What came after the reply is handed back; it is the target protocol's first bytes.
 */
import type { TLSSocket } from 'node:tls';
import { ERRORS, type ErrorCode } from '../contract/error-catalogue.js';
import { GwError } from '../contract/gw-error.js';
import { connectionError } from './connection-error.js';
import { decodeFrame } from './frame.js';

/** The gateway verifies a token and asks its policy before it answers. Milliseconds. */
const REPLY_TIMEOUT = 30_000;

export interface AcceptedTunnel {
  readonly session: string;
  readonly rest: Buffer;
}

function refusal(value: Record<string, unknown>): GwError {
  const message = typeof value['message'] === 'string' ? value['message'] : 'The gateway refused the connection.';
  const code = typeof value['code'] === 'string' && Object.hasOwn(ERRORS, value['code']) ? (value['code'] as ErrorCode) : 'gateway.unreachable';
  return new GwError(code, message, typeof value['hint'] === 'string' ? { hint: value['hint'] } : {});
}

/** @throws GwError the gateway's own refusal, or `gateway.unreachable` when there was no proper answer. */
export function readReply(socket: TLSSocket, what: string): Promise<AcceptedTunnel> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const settle = (act: () => void): void => {
      clearTimeout(deadline);
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError);
      socket.pause();
      act();
    };
    const onError = (cause: Error): void => settle(() => reject(connectionError(cause, what)));
    const onEnd = (): void => settle(() => reject(new GwError('gateway.unreachable', `${what} closed the tunnel without an answer.`)));
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      try {
        const frame = decodeFrame(received);
        if (frame === null) return;
        const { value, rest } = frame;
        const session = value['session'];
        if (value['ok'] === true && typeof session === 'string') settle(() => resolve({ session, rest }));
        else settle(() => reject(refusal(value)));
      } catch (cause) {
        settle(() => reject(new GwError('gateway.unreachable', `${what} does not speak the tunnel protocol of this version.`, { cause })));
      }
    };
    const deadline = setTimeout(() => settle(() => reject(new GwError('gateway.unreachable', `${what} did not answer in time.`))), REPLY_TIMEOUT);
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);
    socket.resume();
  });
}
