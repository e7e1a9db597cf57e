/**
 * What a client recorded of its terminal beside what the gateway recorded of the same: the real ssh and psql through the real CLI. A recording that was made
 * anew with other words in it, well-formed and for the same session, is told apart, in `gw sessions show` as in the log and in packs.
 */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrameOpener, FrameSealer } from '../../src/base/sealed-frames.js';
import { decodeEvents, encodeEvent, TERMINAL_EVENT, type TerminalEvent } from '../../src/base/terminal-events.js';
import type { ClientRecording } from '../../src/contract/api-types.js';
import { lines, verifyBoth } from '../evidence/pack-tools.js';
import { type StateServer, startStateServer } from '../store/state-server.js';
import { ROOT } from '../support/build-cli.js';
import { type RealSshd, startRealSshd } from '../support/real-sshd.js';
import { type CliHome, type CliResult, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes:
  email: { treatment: mask, detect: true }
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let world: GatewayWorld;
let gateway: RunningGateway;
let server: StateServer;
let state: string;
let sshd: RealSshd;
let home: CliHome;
let env: Record<string, string>;

beforeAll(async () => {
  [world, sshd, home, server] = await Promise.all([startGatewayWorld(), startRealSshd(), makeHome(), startStateServer()]);
  state = await server.database();
  await writeFile(join(world.dir, 'key'), sshd.key, { mode: 0o600 });
  await world.writePolicy(POLICY);
  const target = { name: 'web-1', protocol: 'ssh', address: `127.0.0.1:${sshd.port}`, options: { hostKeys: [sshd.hostKey] } };
  await world.configure({ state: { url: { literal: state } }, targets: [{ ...target, credential: { username: sshd.username, key: { file: 'key' } } }] });
  gateway = await world.start();
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  env = { GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem'), GW_ID_TOKEN: await world.token('ann') };
});

afterAll(async () => {
  await home?.remove();
  await sshd?.[Symbol.asyncDispose]();
  await world?.close();
  await server?.close();
});

const token = (): string => env['GW_ID_TOKEN'] ?? '';

/** The newest recording, and what `sessions show` says of it in each of its sessions. */
async function newest(): Promise<{ recording: ClientRecording; sessions: string[]; shown: string[] }> {
  const [recording] = (await world.api(gateway, '/api/v1/recordings?limit=1', { token: token() })).json['recordings'] as ClientRecording[];
  if (recording === undefined) throw new Error('there is no recording');
  const all = (await world.api(gateway, '/api/v1/sessions?limit=100', { token: token() })).json['sessions'] as { id: string; clientRecording?: string }[];
  const sessions = all.filter(({ clientRecording }) => clientRecording === recording.id).map(({ id }) => id);
  return { recording, sessions, shown: await Promise.all(sessions.map(showOf)) };
}

async function showOf(session: string): Promise<string> {
  const { stdout } = await home.run(['sessions', 'show', session], { env });
  return /rec_\w+: (.*)/.exec(stdout)?.[1] ?? stdout;
}

const onHost = (command: string): Promise<CliResult> => home.run(['ssh', 'web-1', '--record', '--', '-tt', command], { env });

const AGREES = 'complete, uploaded; agrees with this record';

describe('an honest recording', () => {
  it('of a terminal agrees, byte by byte', async () => {
    const ran = await onHost('echo one; seq 1 3000; printf "\\033[31mgr\\303\\274n\\033[0m\\r\\n"; exit 3');
    expect(ran.code, ran.stderr).toBe(3);
    const { recording, sessions, shown } = await newest();
    expect(recording).toMatchObject({ state: 'complete', problems: [], compared: sessions, uncompared: [] });
    expect(shown).toEqual([AGREES]);
    const listed = await home.run(['recordings', 'ls', '--json'], { env });
    const rows = (JSON.parse(listed.stdout) as { recordings: { id: string; content: string }[] }).recordings;
    expect(rows.find(({ id }) => id === recording.id)).toMatchObject({ content: 'agrees' });
  });

  it('of a shell at a terminal agrees', async () => {
    const pty = spawn(process.execPath, [join(ROOT, 'bin/run.js'), 'ssh', 'web-1', '--record'], {
      cols: 70,
      rows: 18,
      name: 'xterm',
      cwd: home.folder,
      env: { ...home.env, ...env },
    });
    let said = '';
    let step = 0;
    const steps = ['PS1="ready$((1))> "; echo pass$((1))ed\r', 'seq 1 50; echo umlaut gr\u00fcn; echo pass$((2))ed\r', 'exit 4\r'];
    const marks = [/./, /pass1ed[\s\S]*ready1> /, /pass2ed[\s\S]*ready1> /];
    pty.onData((text) => {
      said += text;
      while (step < steps.length && marks[step]?.test(said) === true) pty.write(steps[step++] ?? '');
    });
    const code = await new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
    expect(code, said).toBe(4);
    const { recording, shown } = await newest();
    expect(recording).toMatchObject({ state: 'complete', problems: [] });
    expect(shown).toEqual([AGREES]);
  });

  it('agrees where the record hides what the screen showed', async () => {
    const ran = await onHost('echo the first line of all that is written here; echo write to ann.smith@example.com, and more; seq 1 100');
    expect(ran.stdout).toContain('ann.smith@example.com, and more');
    expect((await newest()).shown).toEqual([AGREES]);
  });

  it('of a database client names the same sessions, which is all that is said', async () => {
    expect(await home.run(['exec', '--record', 'bank-db', '--', 'psql', '-Atc', 'select 6 * 7'], { env })).toMatchObject({ code: 0, stdout: '42\n' });
    const { recording, sessions, shown } = await newest();
    const why = 'there is no terminal in its record';
    expect(recording).toMatchObject({ problems: [], compared: [], uncompared: [{ session: sessions[0], why }] });
    expect(shown).toEqual([`complete, uploaded; names the same sessions; content not compared (${why})`]);
  });
});

type Change = (events: readonly TerminalEvent[]) => readonly TerminalEvent[];

/** Uploads the newest recording again, with other events in it: as its client could have done in the first place. */
async function forge(change: Change): Promise<Awaited<ReturnType<typeof newest>>> {
  const { id } = (await newest()).recording;
  const [row] = await server.query<{ key: Buffer }>(state, 'select key from gw.client_recordings where id = $1', [id]);
  const pieces = await server.query<{ bytes: Buffer }>(state, 'select bytes from gw.client_recording_pieces where recording = $1 order by start', [id]);
  const key = row?.key ?? Buffer.alloc(0);
  const opener = new FrameOpener(key, id);
  const events = pieces.flatMap(({ bytes }) =>
    [...opener.push(bytes)].flatMap((opened) => (opened.kind === 'frame' ? (decodeEvents(opened.plain) ?? []) : [])),
  );
  const sealer = new FrameSealer(key, id);
  const bytes = Buffer.concat(change(events).map((event) => sealer.seal(encodeEvent(event))));
  await server.query(state, 'delete from gw.client_recording_pieces where recording = $1', [id]);
  await server.query(state, "update gw.client_recordings set state = 'open', received = 0, closed = false, judged = null where id = $1", [id]);
  const at = `/api/v1/recordings/${id}`;
  const piece = 128 * 1024;
  for (let offset = 0; offset < bytes.length; offset += piece)
    await world.api(gateway, `${at}/pieces`, { token: token(), body: { offset, bytes: bytes.subarray(offset, offset + piece).toString('base64') } });
  const digest = createHash('sha256').update(bytes).digest('hex');
  expect(await world.api(gateway, `${at}/end`, { token: token(), body: { bytes: bytes.length, digest } })).toMatchObject({ status: 200 });
  return newest();
}

/** Changes all that was shown, as one text. */
const shownText =
  (change: (text: string) => string): Change =>
  (events) => {
    const isShown = ({ code }: TerminalEvent): boolean => code === TERMINAL_EVENT.output;
    const text = Buffer.concat(events.filter(isShown).map(({ data }) => data)).toString();
    const first = events.findIndex(isShown);
    const [before, after] = [events.slice(0, first), events.slice(first).filter((event) => !isShown(event))];
    const data = Buffer.from(change(text));
    expect(data.toString()).not.toBe(text);
    return [...before, { code: TERMINAL_EVENT.output, at: events[first]?.at ?? 0, data }, ...after];
  };

const COMMAND = 'echo removing things; seq 1 300; echo rm -rf the archive of this year; echo and all is over now';

describe('a recording with other words in it', () => {
  it.each([
    [
      'one word changed',
      (text: string) => text.replace('archive', 'rubbish'),
      /DIFFERS: it does not show what operation \d+ of the session ses_\w+ wrote to its terminal from line 302 /,
    ],
    ['a line removed', (text: string) => text.replace(/rm -rf[^\n]*\n/, ''), /DIFFERS: it does not show what operation .* from line 302 \(20/],
    ['all of it replaced', () => 'all quiet\r\n', /DIFFERS: it shows nothing of what operation/],
    ['its end cut off', (text: string) => text.slice(0, text.indexOf('and all is over')), /DIFFERS: it does not show what operation .* from line 303 \(20/],
  ])('differs: %s', async (_what, change, words) => {
    await onHost(COMMAND);
    expect((await newest()).shown).toEqual([AGREES]);
    const { recording, shown } = await forge(shownText(change));
    expect(recording).toMatchObject({ state: 'complete', compared: [], uncompared: [] });
    expect(recording.problems).toHaveLength(1);
    expect(shown.join()).toMatch(words);
  });

  it('agrees as long as only what else was shown differs', async () => {
    await onHost(COMMAND);
    expect((await forge(shownText((text) => `a local program\r\n${text}and another\r\n`))).shown).toEqual([AGREES]);
  });
});

it('a pack says which agrees, which was not compared, and which differs', async () => {
  await onHost(COMMAND);
  const same = (await newest()).recording.id;
  await home.run(['exec', '--record', 'bank-db', '--', 'psql', '-Atc', 'select 1'], { env });
  const rows = (await newest()).recording.id;
  await onHost(COMMAND);
  const different = (await forge(shownText((text) => text.replace('archive', 'rubbish')))).recording.id;
  const keyFile = join(world.dir, 'audit.pub');
  await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
  const pack = join(world.dir, 'pack');
  const auditor = { ...env, GW_ID_TOKEN: await world.token('audrey', ['auditors']) };
  const done = await home.run(['evidence', 'export', '-o', pack, '--from', '2026-01-01'], { env: auditor });
  expect(done.code, done.stderr).toBe(0);
  const table = async (file: string): Promise<string[]> => lines(await readFile(join(pack, file), 'utf8'));
  const terminals = await table('E09/terminals.csv');
  const agrees = (id: string): string | undefined => terminals.find((line) => line.includes(id))?.split(',')[3];
  expect([same, rows, different].map(agrees)).toEqual(['true', 'not compared', 'false']);
  const gaps = (await table('E01/gaps.csv')).filter((line) => line.includes('terminal.'));
  expect(gaps.find((line) => line.includes(different))).toMatch(/terminal\.differs.*it does not show what operation/);
  for (const id of [same, rows]) expect(gaps.join('\n')).not.toContain(id);
  const { gw, script } = await verifyBoth(pack, keyFile);
  expect([gw, script.code], script.text).toEqual([[], 0]);
});
