/**
 * The adapter that posts notices: signed ones to programs, short ones to Slack and what takes the same. TLS with a verified certificate,
 * no redirects, ten seconds. The answer is untrusted and only its status is looked at.
 */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, fetch } from 'undici';
import { GwError } from '../contract/gw-error.js';
import type { NotifySettings } from '../contract/settings.js';
import { bodyLines, type Delivery, headline, type Notice, noticeJson, type ReadSecret } from './notices.js';

const TIMEOUT_MS = 10_000;
/** Plain HTTP goes to this machine itself only. */
const LOOPBACK = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]/;

export async function postSigned(
  settings: NotifySettings['webhooks'][number],
  notice: Notice,
  gateway: string,
  at: number,
  secret: ReadSecret,
): Promise<Delivery> {
  const body = JSON.stringify(noticeJson(notice, gateway));
  const seconds = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', (await secret(settings.secret)).expose())
    .update(`${seconds}.${body}`)
    .digest('hex');
  const headers = { 'idempotency-key': notice.id, 'gw-event': notice.event, 'gw-signature': `t=${seconds},v1=${signature}` };
  return post((await secret(settings.url)).expose(), body, headers, settings.ca);
}

export async function postSlack(settings: NotifySettings['slack'][number], notice: Notice, secret: ReadSecret): Promise<Delivery> {
  const text = [`*${escaped(headline(notice))}*`, ...bodyLines(notice).map(escaped)].join('\n');
  return post((await secret(settings.url)).expose(), JSON.stringify({ text }), { 'idempotency-key': notice.id }, settings.ca);
}

/** Slack's own rule: these three, and nothing of what somebody wrote becomes a link or a mention. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(/[*~`]/g, ' ');
}

async function post(url: string, body: string, headers: Record<string, string>, ca: string | null): Promise<Delivery> {
  if (!url.startsWith('https://') && !LOOPBACK.test(url)) throw new GwError('config.invalid', 'The URL of a notifier is not https.');
  const agent = new Agent({ connect: ca === null ? {} : { ca: await readFile(ca, 'utf8') }, pipelining: 0 });
  try {
    const response = await fetch(url, {
      method: 'POST',
      dispatcher: agent,
      redirect: 'error',
      headers: { 'content-type': 'application/json', 'user-agent': 'gw', ...headers },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    if (response.ok) return 'delivered';
    // What the receiver does not take now it may take later; what it will never take is not sent again.
    return response.status === 429 || response.status === 408 || response.status >= 500 ? 'later' : 'refused';
  } finally {
    await agent.destroy();
  }
}
