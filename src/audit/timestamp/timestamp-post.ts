/**
 * The adapter that asks a timestamp authority over HTTP (RFC 3161 section 3.4). The answer is untrusted and bounded: no redirects, 64 KiB, thirty
 * seconds. Plain HTTP is what many authorities speak; it changes nothing, because the answer is signed.
 */
import { readFile } from 'node:fs/promises';
import { Agent, fetch } from 'undici';
import { readLimited } from '../../base/read-limited.js';
import { GwError } from '../../contract/gw-error.js';
import { RESPONSE_BYTES } from './timestamp-token.js';

const TIMEOUT_MS = 30_000;

export type AskAuthority = (request: Buffer, signal: AbortSignal) => Promise<Buffer>;

/** @param ca PEM bundle to trust instead of the public authorities for https, read anew each time; null: those */
export function timestampPost(url: string, ca: string | null): AskAuthority {
  return async (request, signal) => {
    const agent = new Agent({ connect: ca === null ? {} : { ca: await readFile(ca, 'utf8') }, pipelining: 0 });
    try {
      const response = await fetch(url, {
        method: 'POST',
        dispatcher: agent,
        redirect: 'error',
        headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply', 'user-agent': 'gw' },
        body: request,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      if (response.status !== 200) throw new GwError('audit.timestamp', `The timestamp authority answered with status ${response.status}.`);
      const answer = await readLimited(response.body, RESPONSE_BYTES);
      if (answer === null) throw new GwError('audit.timestamp', `The timestamp authority answered with more than ${RESPONSE_BYTES} bytes.`);
      return answer;
    } finally {
      await agent.destroy();
    }
  };
}
