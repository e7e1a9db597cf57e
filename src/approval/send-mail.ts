/**
 * The adapter that mails notices by SMTP. Certificates are verified; `starttls` is demanded, not taken when offered. Addresses come from
 * the configuration, so nothing that a requester wrote can add a receiver or a header.
 */
import { readFile } from 'node:fs/promises';
import { createTransport } from 'nodemailer';
import type { NotifySettings } from '../contract/settings.js';
import { bodyLines, type Delivery, headline, type Notice, type ReadSecret } from './notices.js';

const TIMEOUT_MS = 10_000;

export async function sendMail(settings: NotifySettings['email'][number], notice: Notice, gateway: string, secret: ReadSecret): Promise<Delivery> {
  const { host, port, tls, ca, credential, from, to } = settings;
  const auth = credential === null ? {} : { auth: { user: credential.username, pass: (await secret(credential.password)).expose() } };
  const transport = createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { rejectUnauthorized: true, ...(ca === null ? {} : { ca: await readFile(ca, 'utf8') }) },
    ...auth,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from,
      to: [...to],
      subject: `[gw ${gateway}] ${headline(notice)}`,
      text: `${headline(notice)}\n\n${bodyLines(notice).join('\n')}\n`,
      messageId: `<${notice.id}@gw.invalid>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
    return 'delivered';
  } catch (thrown) {
    const code = typeof thrown === 'object' && thrown !== null && 'responseCode' in thrown ? thrown.responseCode : null;
    // 5xx of SMTP is a no for good.
    if (typeof code === 'number' && code >= 500) return 'refused';
    throw thrown;
  } finally {
    transport.close();
  }
}
