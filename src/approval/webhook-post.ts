/**
 * The adapter that posts notices: signed ones to programs, short ones to Slack and what takes the same. TLS with a verified certificate,
 * no redirects, ten seconds. The answer is untrusted and only its status is looked at.
 */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, fetch } from 'undici';
import { GwError } from '../contract/gw-error.js';
import type { NotifySettings, SecretSource } from '../contract/settings.js';
import { bodyLines, type Delivery, headline, type Notice, noticeJson, type ReadSecret } from './notices.js';

const TIMEOUT_MS = 10_000;
/** Plain HTTP goes to this machine itself only. */
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]/;

/** Where something signed goes: its URL may hold a token, `secret` is the key of the signature. */
export interface SignedReceiver {
  readonly url: SecretSource;
  readonly secret: SecretSource;
  readonly ca: string | null;
}

export async function postSigned(
  settings: NotifySettings['webhooks'][number],
  notice: Notice,
  gateway: string,
  at: number,
  secret: ReadSecret,
): Promise<Delivery> {
  const body = JSON.stringify(noticeJson(notice, gateway));
  return deliveryOf(await postSignedBody(settings, body, { 'idempotency-key': notice.id, 'gw-event': notice.event }, at, secret));
}

/**
 * Posts a JSON body under a signature over the time and the body, `gw-signature: t=SECONDS,v1=HMAC-SHA-256 of "SECONDS.BODY" in hex`.
 * @param at milliseconds since the epoch @returns the status of the answer
 * @throws GwError `config.invalid` for a URL that is not https; `target.credential` for a secret; what the network says as it is
 */
export async function postSignedBody(
  to: SignedReceiver,
  body: string,
  headers: Readonly<Record<string, string>>,
  at: number,
  secret: ReadSecret,
  stopped: AbortSignal | null = null,
): Promise<number> {
  const seconds = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', (await secret(to.secret)).expose())
    .update(`${seconds}.${body}`)
    .digest('hex');
  return post((await secret(to.url)).expose(), body, { ...headers, 'gw-signature': `t=${seconds},v1=${signature}` }, to.ca, stopped);
}

export async function postSlack(settings: NotifySettings['slack'][number], notice: Notice, secret: ReadSecret): Promise<Delivery> {
  const text = [`*${escaped(headline(notice))}*`, ...bodyLines(notice).map(escaped)].join('\n');
  return deliveryOf(await post((await secret(settings.url)).expose(), JSON.stringify({ text }), { 'idempotency-key': notice.id }, settings.ca));
}

/** Slack's own rule: these three, and nothing of what somebody wrote becomes a link or a mention. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(/[*~`]/g, ' ');
}

/** What the receiver does not take now it may take later; what it will never take is not sent again. */
function deliveryOf(status: number): Delivery {
  if (status >= 200 && status < 300) return 'delivered';
  return status === 429 || status === 408 || status >= 500 ? 'later' : 'refused';
}

async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  ca: string | null,
  stopped: AbortSignal | null = null,
): Promise<number> {
  if (!url.startsWith('https://') && !LOOPBACK.test(url)) throw new GwError('config.invalid', 'The URL of a webhook is not https.');
  const agent = new Agent({ connect: ca === null ? {} : { ca: await readFile(ca, 'utf8') }, pipelining: 0 });
  try {
    const response = await fetch(url, {
      method: 'POST',
      dispatcher: agent,
      redirect: 'error',
      headers: { 'content-type': 'application/json', 'user-agent': 'gw', ...headers },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(stopped === null ? [] : [stopped])]),
    });
    await response.body?.cancel();
    return response.status;
  } finally {
    await agent.destroy();
  }
}
