/**
 * The adapter that reads JSON documents of an issuer (discovery, keys). The answer is untrusted until the issuer's TLS certificate has
 * vouched for it, and bounded afterwards too: no redirects, 1 MiB, five seconds.
 */
import { readFile } from 'node:fs/promises';
import { Agent, fetch, type RequestInit } from 'undici';
import { readLimited } from '../base/read-limited.js';
import { GwError } from '../contract/gw-error.js';

const MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5000;

/** A JSON document at `url`. Rejects with anything that is wrong; the caller turns it into `login.unavailable`. */
export type FetchJson = (url: string) => Promise<unknown>;

/** @param ca absolute path of a PEM bundle to trust instead of the public authorities, read anew each time; null: those. */
export function createIssuerFetch(ca: string | null): FetchJson {
  return async (url) => {
    const { status, document } = await ask(url, ca, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (status !== 200) throw new GwError('login.unavailable', `The issuer answered with status ${status}.`, { cause: { url } });
    return document();
  };
}

/** A form posted to an endpoint of the issuer. An answer that is no JSON object is an empty one. */
export async function postForm(
  url: string,
  form: Readonly<Record<string, string>>,
  ca: string | null,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const { status, document } = await ask(url, ca, {
    method: 'POST',
    body: new URLSearchParams(form).toString(),
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  const body = document();
  return { status, body: typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {} };
}

async function ask(url: string, ca: string | null, init: RequestInit): Promise<{ readonly status: number; document(): unknown }> {
  const agent = new Agent({ connect: ca === null ? {} : { ca: await readFile(ca, 'utf8') }, pipelining: 0 });
  try {
    const response = await fetch(url, { ...init, dispatcher: agent, redirect: 'error' });
    const body = await readLimited(response.body, MAX_BYTES);
    if (body === null) throw new GwError('login.unavailable', 'The issuer answered with more than 1 MiB.', { cause: { url } });
    return { status: response.status, document: () => JSON.parse(body.toString('utf8')) as unknown };
  } finally {
    await agent.destroy();
  }
}
