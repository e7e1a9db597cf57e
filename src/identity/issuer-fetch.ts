/**
 * The adapter that reads JSON documents of an issuer (discovery, keys). The answer is untrusted until the issuer's TLS certificate has
 * vouched for it, and bounded afterwards too: no redirects, 1 MiB, five seconds.
 */
import { readFile } from 'node:fs/promises';
import { Agent, fetch } from 'undici';
import { GwError } from '../contract/gw-error.js';

const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5000;

/** A JSON document at `url`. Rejects with anything that is wrong; the caller turns it into `login.unavailable`. */
export type FetchJson = (url: string) => Promise<unknown>;

/** @param ca absolute path of a PEM bundle to trust instead of the public authorities, read anew each time; null: those. */
export function createIssuerFetch(ca: string | null): FetchJson {
  return async (url) => {
    const agent = new Agent({ connect: ca === null ? {} : { ca: await readFile(ca, 'utf8') }, pipelining: 0 });
    try {
      const response = await fetch(url, {
        dispatcher: agent,
        redirect: 'error',
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status !== 200) throw new GwError('login.unavailable', `The issuer answered with status ${response.status}.`, { cause: { url } });
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of response.body ?? []) {
        if (!(chunk instanceof Uint8Array)) continue;
        length += chunk.length;
        if (length > MAX_BYTES) throw new GwError('login.unavailable', 'The issuer answered with more than 1 MiB.', { cause: { url } });
        chunks.push(chunk);
      }
      const document: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      return document;
    } finally {
      await agent.destroy();
    }
  };
}
