/** Sinks over real logs: a file, a real rsyslogd over TLS, a webhook that fails, hangs, finds batches too large; restarts in between. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postSignedBody } from '../../src/approval/index.js';
import { fileReceiver, sinkStatus, syslogReceiver, webhookReceiver } from '../../src/audit/index.js';
import { nativeRecord } from '../../src/audit/sinks/native-record.js';
import { Secret } from '../../src/base/secret.js';
import type { AuditEntry } from '../../src/contract/audit-entry.js';
import type { FileSinkSettings, SecretSource, SyslogSinkSettings } from '../../src/contract/settings.js';
import { eventually } from '../store/state-server.js';
import { type Rsyslog, startRsyslog } from '../support/rsyslog.js';
import { SyncedNames } from '../support/synced-names.js';
import { makeAuthority, type TestAuthority } from '../support/test-authority.js';
import { buildLogs, openTrail, session, withDirectory } from './log-world.js';
import { clock, firstTimes, idsOf, idsTo, logsOf, placesOf, RunningSink, receivedAll, sinkSettings } from './sink-world.js';

const SIZES = { '0': 285, '1': 7 };

async function more(dir: string, count: number): Promise<void> {
  const trail = await openTrail(dir, 0, 'wrk_more');
  session(trail, 'ses_more', 1, count);
  await trail.close();
}

describe('a file', () => {
  const settingsOf = (dir: string, change: Partial<FileSinkSettings> = {}): FileSinkSettings => ({
    kind: 'file',
    path: join(dir, 'out', 'audit.ndjson'),
    rotateBytes: 1 << 30,
    keep: null,
    ...change,
  });
  const linesOf = async (path: string): Promise<string[]> => (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

  it('gets every entry of every log once and in order, over restarts, and is for one account alone', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const to = settingsOf(dir);
      for (let round = 0; round < 3; round++) {
        const { runner } = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
        await receivedAll(() => linesOf(to.path), { '0': 285 + round * 24, '1': 7 });
        await runner.close();
        await more(dir, 20);
      }
      const ids = idsOf(await linesOf(to.path));
      expect(ids.filter((id) => id.startsWith('bank/0'))).toEqual(idsTo('0', 285 + 48));
      expect(ids.filter((id) => id.startsWith('bank/1'))).toEqual(idsTo('1', 7));
      expect((await stat(to.path)).mode & 0o077).toBe(0);
    }));

  it('is there after a power cut, and so are the directories that were made for it', () =>
    withDirectory(async (dir) => {
      const path = join(dir, 'var', 'out', 'audit.ndjson');
      using synced = await SyncedNames.watch();
      const entry: AuditEntry = { log: 'bank/0', n: 0, time: '2026-03-01T12:00:00.000Z', kind: 'log.open', journal: 'wrk_a', data: {} };
      await fileReceiver(settingsOf(dir, { path }), clock).deliver([{ entry, json: nativeRecord(entry, null) }], new AbortController().signal);
      expect(await linesOf(path)).toHaveLength(1);
      expect(await synced.holds(dir, path)).toBe(true);
    }));

  it.each([
    ['half a line', '{"v":1,"log":"bank/0","n":4'],
    ['one byte of a line', '{'],
  ])('gives again what was not remembered, cuts %s, and touches no file that is not its own', (_what, torn) =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const to = settingsOf(dir);
      const first = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await receivedAll(() => linesOf(to.path), SIZES);
      await first.runner.close();
      // As after a kill: the last place is not remembered, and a line is torn.
      await rm(join(placesOf(dir), 'siem.json'));
      await appendFile(to.path, torn);
      const second = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await eventually('it was given again', () => second.runner.delivered === 285 + 7);
      await second.runner.close();
      const ids = idsOf(await linesOf(to.path));
      expect(ids).toHaveLength(2 * (285 + 7));
      expect(firstTimes(ids, '0')).toEqual(idsTo('0', 285));

      await writeFile(to.path, 'something else without a line break');
      await more(dir, 1);
      const third = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await eventually('it says so', () => third.changes.length > 0);
      await third.runner.close();
      expect(await readFile(to.path, 'utf8')).toBe('something else without a line break');
    }),
  );

  it('is rotated before it grows too large, and keeps as many as it is told', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const to = settingsOf(dir, { rotateBytes: 20_000, keep: 2 });
      const receiver = { ...fileReceiver(to, clock), most: 50 };
      const { runner } = new RunningSink(dir, sinkSettings(to), receiver);
      await eventually('everything was delivered', () => runner.delivered === 292);
      await runner.close();
      const names = (await readdir(join(dir, 'out'))).sort();
      expect(names[0]).toBe('audit.ndjson');
      expect(names).toHaveLength(3);
      for (const name of names.slice(1)) {
        expect(name).toMatch(/^audit\.ndjson\.20260301T130000000Z(-\d+)?$/);
        expect((await stat(join(dir, 'out', name))).size).toBeLessThanOrEqual(20_000);
      }
    }));

  it('keeps the newest of its rotated files also when the clock was ahead and is put back', () =>
    withDirectory(async (dir) => {
      let now = Date.parse('2031-01-01T00:00:00Z');
      const to = settingsOf(dir, { rotateBytes: 1, keep: 2 });
      const receiver = fileReceiver(to, { now: () => now, monotonic: () => now });
      const deliver = async (n: number): Promise<void> => {
        const entry: AuditEntry = { log: 'bank/0', n, time: '2026-03-01T12:00:00.000Z', kind: 'log.open', journal: 'wrk_a', data: {} };
        await receiver.deliver([{ entry, json: nativeRecord(entry, null) }], new AbortController().signal);
      };
      for (let n = 0; n < 3; n++) await deliver(n);
      now = Date.parse('2026-03-01T13:00:00Z');
      for (let n = 3; n < 6; n++) await deliver(n);
      const names = await readdir(join(dir, 'out'));
      const kept = (await Promise.all(names.map((name) => linesOf(join(dir, 'out', name))))).flat().map((line) => (JSON.parse(line) as AuditEntry).n);
      expect(kept.sort()).toEqual([3, 4, 5]);
    }));

  it('gets only the kinds asked for, and begins where it is told', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const to = settingsOf(dir);
      const asked = sinkSettings(to, { events: ['session.*', 'log.open'], begin: 'newest' });
      const { runner } = new RunningSink(dir, asked, fileReceiver(to, clock));
      await eventually('it has begun', async () => (await readdir(placesOf(dir)).catch((): string[] => [])).includes('siem.json'));
      await more(dir, 5);
      await eventually('it has the new ones', async () => (await linesOf(to.path)).length === 3);
      await runner.close();
      expect((await linesOf(to.path)).map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual(['log.open', 'session.start', 'session.end']);
    }));

  it.each([
    ['was removed', (place: string) => rm(place)],
    ['is damaged', (place: string) => writeFile(place, '{"v":1,"next":{"0":2')],
  ])('that begins at the newest entry gets everything anew when its place %s: nothing is left out', (_what, lose) =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const to = settingsOf(dir);
      const asked = sinkSettings(to, { begin: 'newest' });
      const place = join(placesOf(dir), 'siem.json');
      const first = new RunningSink(dir, asked, fileReceiver(to, clock));
      await eventually('it has begun', async () => (await readdir(placesOf(dir)).catch((): string[] => [])).includes('siem.json'));
      await more(dir, 5);
      await eventually('it has the new ones', () => first.runner.delivered === 9);
      await first.runner.close();
      // Written while nobody serves it, and not taken yet.
      await more(dir, 3);
      await lose(place);
      const second = new RunningSink(dir, asked, fileReceiver(to, clock));
      await receivedAll(() => linesOf(to.path), { '0': 285 + 9 + 7, '1': 7 });
      await second.runner.close();
    }),
  );

  it('that cannot read its place for a while does not write another one, and goes on where it was', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const to = settingsOf(dir);
      const first = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await receivedAll(() => linesOf(to.path), SIZES);
      await first.runner.close();
      // Its place is on a disk that is away: a file stands where the directory was.
      const [place, away] = [join(placesOf(dir), 'siem.json'), join(dir, 'away')];
      const known = await readFile(place);
      await rm(place);
      await symlink(join(away, 'siem.json'), place);
      await writeFile(away, '');
      const second = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await eventually('it says so', () => second.changes.length === 1);
      expect((await lstat(place)).isSymbolicLink()).toBe(true);
      await rm(away);
      await mkdir(away);
      await writeFile(join(away, 'siem.json'), known);
      await more(dir, 2);
      await eventually('it is well', () => second.changes.includes(null));
      await second.runner.close();
      const ids = idsOf(await linesOf(to.path));
      expect(ids.filter((id) => id.startsWith('bank/0'))).toEqual(idsTo('0', 285 + 6));
    }));

  it('stops where the log is shorter than it was, and says so', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      await more(dir, 1);
      const to = settingsOf(dir);
      const first = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await eventually('it has everything', () => first.runner.delivered > 290);
      await first.runner.close();
      await rm(join(dir, '0'), { recursive: true });
      await (await openTrail(dir, 0, 'wrk_new')).close();
      const second = new RunningSink(dir, sinkSettings(to), fileReceiver(to, clock));
      await eventually('it says so', () => second.changes.length > 0);
      await second.runner.close();
      expect(second.changes[0]?.message).toMatch(/it had 290 before/);
    }));
});

describe('a webhook', () => {
  const KEY = 'the signing key';
  let server: Server;
  let answer: (request: IncomingMessage, body: string, response: ServerResponse) => void;
  const bodies: { events: { log: string; n: number }[]; first: number; last: number }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => answer(request, body, response));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  function hook(dir: string): RunningSink {
    const secret = (text: string): SecretSource => ({ kind: 'literal', value: new Secret(text) });
    const to = {
      kind: 'webhook' as const,
      url: secret(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`),
      secret: secret(KEY),
      ca: null,
    };
    const receiver = webhookReceiver(to, {
      sink: 'siem',
      gateway: 'bank',
      format: 'json',
      post: (receiverOf, body, headers, at, stopped) =>
        postSignedBody(receiverOf, body, headers, at, (source) => Promise.resolve(source.kind === 'literal' ? source.value : new Secret('')), stopped),
      clock,
    });
    return new RunningSink(dir, sinkSettings(to), receiver);
  }

  const take = (request: IncomingMessage, body: string, response: ServerResponse): void => {
    const [, seconds = '', signature = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['gw-signature'])) ?? [];
    expect(signature).toBe(createHmac('sha256', KEY).update(`${seconds}.${body}`).digest('hex'));
    const batch = JSON.parse(body) as (typeof bodies)[number] & { log: string };
    expect(request.headers['idempotency-key']).toBe(`${batch.log}.${batch.first}-${batch.last}`);
    bodies.push(batch);
    response.writeHead(204).end();
  };
  const received = (): string[] => bodies.flatMap(({ events }) => events.map((each) => JSON.stringify(each)));

  it('gets everything in order, signed, though it fails, hangs, cuts connections and takes twice', () =>
    withDirectory(async (dir) => {
      bodies.length = 0;
      await buildLogs(dir);
      const tried: string[] = [];
      let count = 0;
      answer = (request, body, response) => {
        tried.push(String(request.headers['idempotency-key']));
        count++;
        if (count === 1) response.writeHead(503).end('later');
        else if (count === 2) response.writeHead(403).end('never');
        else if (count === 3) request.socket.destroy();
        else if (count === 4) {
          // It took the batch, and its answer got lost.
          bodies.push(JSON.parse(body) as (typeof bodies)[number]);
          request.socket.destroy();
        } else take(request, body, response);
      };
      const sink = hook(dir);
      await receivedAll(received, SIZES);
      await eventually('it is well', () => sink.changes.includes(null));
      await sink.runner.close();
      expect(new Set(tried.slice(0, 5)).size).toBe(1);
      for (const [log, size] of Object.entries(SIZES)) expect(firstTimes(idsOf(received()), log)).toEqual(idsTo(log, size));
      expect(sink.changes).toEqual([expect.objectContaining({ attempts: 3 }), null]);
      expect(sink.runner.failures).toBe(4);
    }));

  it('gets smaller batches when they are too large for it', () =>
    withDirectory(async (dir) => {
      bodies.length = 0;
      await buildLogs(dir);
      answer = (request, body, response) => {
        if ((JSON.parse(body) as (typeof bodies)[number]).events.length > 20) response.writeHead(413).end();
        else take(request, body, response);
      };
      const sink = hook(dir);
      await receivedAll(received, SIZES);
      await sink.runner.close();
      expect(firstTimes(idsOf(received()), '0')).toEqual(idsTo('0', 285));
    }));

  it('that never answers holds up neither the end of the sink nor another sink, and is seen to be behind', () =>
    withDirectory(async (dir) => {
      bodies.length = 0;
      await buildLogs(dir);
      const waiting = new Promise<void>((resolve) => {
        answer = () => resolve();
      });
      const hanging = hook(dir);
      await waiting;
      const to: FileSinkSettings = { kind: 'file', path: join(dir, 'other.ndjson'), rotateBytes: 1 << 30, keep: null };
      const other = new RunningSink(dir, sinkSettings(to, { name: 'other' }), fileReceiver(to, clock));
      await eventually('the other has everything', () => other.runner.delivered === 292);
      const status = await sinkStatus(placesOf(dir), sinkSettings(to), logsOf(dir), clock.now());
      expect(status).toMatchObject({ state: 'behind', waiting: 292, oldest: '2026-03-01T12:00:00.000Z' });
      await Promise.all([hanging.runner.close(), other.runner.close()]);
      answer = take;
      const again = hook(dir);
      // What is received may not be acknowledged yet.
      await eventually('it is acknowledged', () => again.runner.delivered === 292);
      await again.runner.close();
      expect(firstTimes(idsOf(received()), '0')).toEqual(idsTo('0', 285));
      expect(await sinkStatus(placesOf(dir), sinkSettings(to), logsOf(dir), clock.now())).toMatchObject({ state: 'ok', waiting: 0, oldest: null });
    }));
});

describe('syslog', () => {
  let authority: TestAuthority;
  let rsyslog: Rsyslog;
  let caFile: string;

  beforeAll(async () => {
    authority = await makeAuthority();
    rsyslog = await startRsyslog(authority);
  });
  afterAll(() => rsyslog?.close());

  const settingsOf = (change: Partial<SyslogSinkSettings> = {}): SyslogSinkSettings => ({
    kind: 'syslog',
    host: '127.0.0.1',
    port: rsyslog.port,
    tls: true,
    ca: caFile,
    client: null,
    facility: 13,
    appName: 'gw',
    ...change,
  });
  const sinkTo = (dir: string, to: SyslogSinkSettings): RunningSink =>
    new RunningSink(dir, sinkSettings(to), syslogReceiver(to, { hostName: 'gate 7', version: '1.2.3' }));

  it('is understood by rsyslogd over TLS, and a receiver that is killed in between gets everything', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      caFile = join(dir, 'ca.pem');
      await writeFile(caFile, authority.ca);
      const sink = sinkTo(dir, settingsOf());
      const texts = async (): Promise<string[]> => (await rsyslog.lines()).map(({ text }) => text);
      await receivedAll(texts, SIZES);
      const deny = (await rsyslog.lines()).find(({ id }) => id === 'operation.deny');
      expect(deny).toMatchObject({
        severity: 'warning',
        time: '2026-03-01T12:00:00.000Z',
        host: 'gate_7',
        app: 'gw',
        process: 'bank/0',
        data: expect.stringContaining('[origin software="gw" swVersion="1.2.3"][meta sequenceId="'),
      });
      expect(deny?.facility).toMatch(/audit/);
      await rsyslog.kill();
      await more(dir, 30);
      await eventually('it says that the receiver is away', () => sink.changes.length === 1);
      await rsyslog.start();
      await receivedAll(texts, { '0': 285 + 34, '1': 7 });
      await eventually('it says that it is back', () => sink.changes.length === 2);
      await sink.runner.close();
      expect(firstTimes(idsOf(await texts()), '0')).toEqual(idsTo('0', 285 + 34));
      expect(sink.changes).toEqual([expect.objectContaining({ message: expect.stringContaining('syslog receiver') }), null]);
    }));

  it('is not sent to a receiver whose certificate is of somebody else', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      const other = join(dir, 'other.pem');
      await writeFile(other, (await makeAuthority()).ca);
      const before = (await rsyslog.lines()).length;
      const sink = sinkTo(dir, settingsOf({ ca: other }));
      await eventually('it is refused', () => sink.changes.length === 1);
      await sink.runner.close();
      expect(sink.changes[0]?.message).toMatch(/CERT|SIGNATURE|ISSUER/);
      expect((await rsyslog.lines()).length).toBe(before);
    }));

  it('counts as delivered only what a receiver has read to the end', () =>
    withDirectory(async (dir) => {
      await buildLogs(dir);
      let took = '';
      let connections = 0;
      const server = createTcpServer((socket) => {
        socket.on('error', () => undefined);
        const number = ++connections;
        if (number === 1) socket.end();
        else if (number === 2) socket.once('data', () => socket.resetAndDestroy());
        else socket.on('data', (chunk) => (took += chunk.toString('latin1'))).on('end', () => socket.end());
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const sink = sinkTo(dir, settingsOf({ tls: false, port: (server.address() as AddressInfo).port }));
      await eventually('everything was delivered', () => sink.runner.delivered === 292);
      await sink.runner.close();
      server.close();
      const records: string[] = [];
      for (let at = 0; at < took.length; ) {
        const space = took.indexOf(' ', at);
        const length = Number(took.slice(at, space));
        const message = took.slice(space + 1, space + 1 + length);
        expect(message).toMatch(/^<\d{1,3}>1 \S+ \S+ gw \S+ \S+ \[origin [^\]]*\]\[meta [^\]]*\] \{/);
        records.push(message.slice(message.indexOf('] {') + 2));
        at = space + 1 + length;
      }
      expect(firstTimes(idsOf(records), '0')).toEqual(idsTo('0', 285));
      expect(sink.runner.failures).toBe(2);
    }));
});
