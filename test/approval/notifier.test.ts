/** Notices to real receivers on this machine: HTTPS servers and a mail server, each with what goes wrong there. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { approve, cancel, use } from '../../src/approval/machine.js';
import { Notifier } from '../../src/approval/notifier.js';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { Secret } from '../../src/base/secret.js';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import type { NotifySettings, SecretSource } from '../../src/contract/settings.js';
import { eventually } from '../store/state-server.js';
import { makeAuthority, type ServerCertificate } from '../support/test-authority.js';
import { identity, NOW, POLICY, record } from './fixture.js';

const SECRET = 'signing-key';
const literal = (text: string): SecretSource => ({ kind: 'literal', value: new Secret(text) });

let dir: string;
let ca: string;
let certificate: ServerCertificate;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const authority = await makeAuthority();
  certificate = await authority.issue();
  dir = await mkdtemp(join(tmpdir(), 'gw-notify-'));
  ca = join(dir, 'ca.pem');
  await writeFile(ca, authority.ca);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Answers with each of `statuses` in turn, then with 200. */
async function receiver(...statuses: number[]): Promise<{ url: string; got: Received[] }> {
  const got: Received[] = [];
  const server = createServer(certificate, (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      got.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 200, { location: 'https://localhost/elsewhere' }).end('ok');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/hook`, got };
}

function notifier(settings: Partial<NotifySettings>): { notifier: Notifier; errors: object[] } {
  const errors: object[] = [];
  const made = new Notifier({
    gateway: 'gw-test',
    settings: () => ({ webhooks: [], slack: [], email: [], ...settings }),
    secret: (source) => Promise.resolve(source.kind === 'literal' ? source.value : new Secret('')),
    clock: systemClock,
    logger: { ...silentLogger, error: (fields) => void errors.push(fields) },
    pauseMs: 5,
  });
  closing.push(() => made.close());
  return { notifier: made, errors };
}

const bob = { issuer: 'https://login.test', subject: 'sub-bob', kind: 'person', name: 'bob', email: null } as const;
const done = (step: ReturnType<typeof approve>): ApprovalRecord => {
  if (!step.ok) throw step.error;
  return step.record;
};
const asked = record({ reason: 'TICKET-7 <!channel> *now*' });
const approved = done(approve(asked, { by: bob, groups: ['dba'], at: NOW, reason: null, digest: asked.digest, policy: POLICY, confirm: null }));

describe('a signed webhook', () => {
  it('gets each change under an id of its own, signed, without the statement', async () => {
    const { url, got } = await receiver();
    const { notifier: tell } = notifier({ webhooks: [{ name: 'bot', url: literal(url), secret: literal(SECRET), ca }] });
    tell.changed(null, asked);
    tell.changed(asked, approved);
    tell.changed(approved, done(use(approved, { digest: asked.digest, policy: POLICY, session: 's', sequence: 1, at: NOW })));
    // Nothing that happened to the request.
    tell.changed(asked, { ...asked, version: 2, waiter: null });
    await eventually('three notices came', () => got.length === 3);
    const bodies = got.map(({ body }) => JSON.parse(body) as { event: string; id: string; request: { state: string } });
    expect(bodies.map(({ event }) => event).sort()).toEqual(['approved', 'requested', 'used']);
    for (const { headers, body } of got) {
      const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['gw-signature'])) ?? [];
      expect(signature).toBe(createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex'));
      expect(headers['idempotency-key']).toBe((JSON.parse(body) as { id: string }).id);
      expect(body).not.toContain('id = 42');
      expect(body).not.toContain(SECRET);
    }
    expect(new Set(bodies.map(({ id }) => id)).size).toBe(3);
  });

  it('is tried again under the same id when the receiver fails, and not when it refuses', async () => {
    const flaky = await receiver(503, 429, 500);
    const strict = await receiver(400);
    const redirecting = await receiver(302, 302, 302, 302, 302, 302, 302);
    const { notifier: tell, errors } = notifier({
      webhooks: [flaky, strict, redirecting].map(({ url }, index) => ({ name: `hook-${index}`, url: literal(url), secret: literal(SECRET), ca })),
    });
    tell.changed(null, asked);
    await eventually('the first one took it', () => flaky.got.length === 4);
    expect(new Set(flaky.got.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    await eventually('the others are given up', () => errors.length === 2);
    expect(strict.got).toHaveLength(1);
    expect(redirecting.got).toHaveLength(7);
  });

  it('goes nowhere without a certificate that is trusted, and to plain http on this machine only', async () => {
    const { url, got } = await receiver();
    const { notifier: tell, errors } = notifier({
      webhooks: [
        { name: 'untrusted', url: literal(url), secret: literal(SECRET), ca: null },
        { name: 'plain', url: literal('http://hooks.example.com/x'), secret: literal(SECRET), ca: null },
      ],
    });
    tell.changed(null, asked);
    await eventually('both are given up', () => errors.length === 2);
    expect(got).toEqual([]);
    expect(JSON.stringify(errors)).not.toContain('hooks.example.com');
  });

  it('that is away holds up nothing, the end of the gateway neither', async () => {
    const { notifier: tell } = notifier({ webhooks: [{ name: 'away', url: literal('https://127.0.0.1:1/x'), secret: literal(SECRET), ca }] });
    tell.changed(null, asked);
    await tell.close();
  });
});

describe('Slack', () => {
  it('gets what is for people, and nothing that somebody wrote becomes a mention or a link', async () => {
    const { url, got } = await receiver();
    const { notifier: tell } = notifier({ slack: [{ name: 'dba', url: literal(url), ca }] });
    tell.changed(null, asked);
    tell.changed(asked, done(cancel(asked, { by: null, at: NOW, why: 'gone' })));
    await eventually('it came', () => got.length === 1);
    const { text } = JSON.parse(got[0]?.body ?? '{}') as { text: string };
    expect(text).toContain('alice asks on bank-db: deletes from ledger.entries');
    expect(text).toContain(`gw approve ${asked.id}`);
    expect(text).toContain('TICKET-7 &lt;!channel&gt;');
    await tell.close();
    expect(got).toHaveLength(1);
  });
});

/** As much of SMTP as a client needs to hand over a message, over TLS. */
async function mailServer(
  refusal: string | null = null,
): Promise<{ port: number; mails: { from: string; to: string[]; data: string; auth: string }[]; connections: () => number }> {
  const mails: { from: string; to: string[]; data: string; auth: string }[] = [];
  let connections = 0;
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer(certificate, (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    const mail = { from: '', to: [] as string[], data: '', auth: '' };
    let text = '';
    let inData = false;
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const take = (line: string): void => {
      if (inData) {
        if (line === '.') {
          inData = false;
          mails.push(mail);
          say('250 taken');
        } else mail.data += `${line}\n`;
      } else if (/^EHLO/i.test(line)) socket.write('250-localhost\r\n250 AUTH PLAIN\r\n');
      else if (/^AUTH PLAIN /i.test(line)) {
        mail.auth = Buffer.from(line.slice(11), 'base64').toString().replaceAll('\0', ' ');
        say('235 welcome');
      } else if (/^MAIL FROM:/i.test(line)) {
        mail.from = line.slice(10);
        say(refusal ?? '250 fine');
      } else if (/^RCPT TO:/i.test(line)) {
        mail.to.push(line.slice(8));
        say('250 fine');
      } else if (/^DATA/i.test(line)) {
        inData = true;
        say('354 go on');
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
      else say('250 fine');
    };
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        take(line);
      }
    });
    say('220 localhost');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, mails, connections: () => connections };
}

describe('e-mail', () => {
  const mail = (port: number, more: Partial<NotifySettings['email'][number]> = {}): NotifySettings['email'][number] => ({
    name: 'dba',
    host: 'localhost',
    port,
    tls: 'implicit',
    ca,
    credential: { username: 'gw', password: literal('mail-password') },
    from: 'gw@bank.test',
    to: ['dba@bank.test', 'oncall@bank.test'],
    ...more,
  });

  it('is handed to the server with a login, and a hostile reason adds no header and no receiver', async () => {
    const server = await mailServer();
    const { notifier: tell } = notifier({ email: [mail(server.port)] });
    tell.changed(null, record({ reason: 'x\r\nBcc: eve@evil.test\r\n\r\nhello', requester: { ...asked.requester, name: 'alice\r\nBcc: eve@evil.test' } }));
    await eventually('the mail came', () => server.mails.length === 1);
    const [got] = server.mails;
    expect(got).toMatchObject({ from: '<gw@bank.test>', to: ['<dba@bank.test>', '<oncall@bank.test>'], auth: ' gw mail-password' });
    expect(got?.data).not.toMatch(/^Bcc:/m);
    expect(got?.data).toMatch(/^Subject: \[gw gw-test\] alice/m);
    expect(got?.data).not.toContain('id = 42');
    expect(got?.data).not.toContain('mail-password');
  });

  it('is not tried again when the server says no for good; a server that is not trusted gets nothing', async () => {
    const server = await mailServer('550 no');
    const untrusted = await mailServer();
    const { notifier: tell, errors } = notifier({ email: [mail(server.port), mail(untrusted.port, { name: 'untrusted', ca: null })] });
    tell.changed(null, asked);
    await eventually('both are given up', () => errors.length === 2);
    expect(server.connections()).toBe(1);
    expect(untrusted.mails).toEqual([]);
  });
});

it('the e-mail address of a requester is in no notice', async () => {
  const { url, got } = await receiver();
  const { notifier: tell } = notifier({ webhooks: [{ name: 'bot', url: literal(url), secret: literal(SECRET), ca }] });
  tell.changed(null, asked);
  await eventually('it came', () => got.length === 1);
  expect(got[0]?.body).not.toContain(identity('alice').email ?? 'alice@');
});
