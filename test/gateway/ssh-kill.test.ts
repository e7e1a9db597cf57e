/**
 * kill -9 of a worker or of the whole gateway in the midst of commands, a terminal and files over SFTP: what reached the host is on record, what a client
 * was shown is on record, every session is closed, and no hand is needed (issue 6). GW_KILL_SEED repeats the choices of a run.
 */
import { spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { keyringBeside } from '../../src/gateway/journal-keys.js';
import { type RecordedOperation, readSession } from '../../src/recording/index.js';
import { listWorkers } from '../../src/recording/journal-directory.js';
import { eventually } from '../store/state-server.js';
import { liveJournals, type RecordedSession, recordedSessions } from '../support/kill/recorded-sessions.js';
import { SeededRandom } from '../support/kill/seeded-random.js';
import { type RealSshd, startRealSshd } from '../support/real-sshd.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { run } from '../support/ssh-world.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const SEED = Number(process.env['GW_KILL_SEED'] ?? Math.floor(Math.random() * 1e9));
const ROUNDS = 12;
/** Things done on the host before a kill. */
const DONE = [3, 12] as const;
const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let world: GatewayWorld;
let sshd: RealSshd;
let home: CliHome;
let config: string;
/** What the clients do leaves a file here. */
let marks: string;

beforeAll(async () => {
  [world, sshd, home] = await Promise.all([startGatewayWorld(), startRealSshd(), makeHome()]);
  marks = join(sshd.dir, 'files');
  await writeFile(join(world.dir, 'key'), sshd.key, { mode: 0o600 });
  await world.writePolicy(POLICY);
  const credential = { username: sshd.username, key: { file: 'key' } };
  await world.configure({
    workers: 2,
    logLevel: 'warn',
    targets: [{ name: 'web-1', protocol: 'ssh', address: `127.0.0.1:${sshd.port}`, credential, options: { hostKeys: [sshd.hostKey] } }],
    native: [{ protocol: 'ssh', listen: '127.0.0.1:0' }],
  });
  config = join(home.folder, 'ssh_config');
});
afterAll(async () => {
  await home?.remove();
  await sshd?.[Symbol.asyncDispose]();
  await world?.close();
});

async function start(): Promise<RunningGateway> {
  const gateway = await world.start();
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const env = { GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem'), GW_ID_TOKEN: await world.token('ann', ['engineers'], { exp }) };
  const printed = JSON.parse((await home.run(['ssh-cert', '--json'], { env })).stdout) as { config: string };
  await writeFile(config, `${printed.config.replace('Host gw-native', 'Host gw\n  User web-1')}\n  LogLevel ERROR\n`);
  return gateway;
}

/** What a client of the terminal was shown. */
const screens: Buffer[] = [];

/** Clients that do one thing after the other, each under a name of its own, until they are told to stop. */
class Clients {
  readonly #tag: string;
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(tag: string) {
    this.#tag = tag;
    this.#loops = [this.#loop((name) => this.#command(name)), this.#loop((name) => this.#file(name)), this.#loop((name) => this.#terminal(name))];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(act: (name: string) => Promise<void>): Promise<void> {
    for (let n = 0; !this.#stopped; n++) await act(`${this.#tag}-${n}`);
  }

  async #command(name: string): Promise<void> {
    await run('ssh', ['-F', config, 'gw', `touch ${marks}/command-${name}; echo did ${name}`]);
  }

  async #file(name: string): Promise<void> {
    await run('sftp', ['-F', config, '-b', '-', 'gw'], { input: `put ${config} ${marks}/file-${name}\nls ${marks}\n` });
  }

  /** A shell in which one command is typed after the other, each when the one before has said that it is done. */
  async #terminal(name: string): Promise<void> {
    const child = spawn('ssh', ['-tt', '-F', config, 'gw'], { stdio: 'pipe' });
    const shown: Buffer[] = [];
    let typed = 0;
    const type = (): void => void child.stdin.write(this.#stopped ? 'exit\n' : `touch ${marks}/typed-${name}-${++typed}; echo "done"-${typed}-\n`);
    child.stdin.on('error', () => child.stdin.destroy());
    child.stderr.resume();
    child.stdout.on('data', (chunk: Buffer) => {
      shown.push(chunk);
      if (Buffer.concat(shown).includes(`done-${typed}-`)) type();
    });
    type();
    await new Promise((resolve) => child.once('close', resolve));
    screens.push(Buffer.concat(shown));
  }
}

const journalDir = (): string => join(world.dir, 'data', 'journal');
const workers = async (gateway: RunningGateway): Promise<number[]> =>
  (await run('pgrep', ['-P', String(gateway.process.pid), '-f', 'worker-main'])).out.toString().split('\n').filter(Boolean).map(Number);

/** All sessions, once no gateway runs. */
async function recordedOfAll(): Promise<RecordedSession[]> {
  expect(await liveJournals(journalDir())).toEqual([]);
  const sessions: RecordedSession[] = [];
  for (const journal of await listWorkers(journalDir())) sessions.push(...(await recordedSessions(journalDir(), journal)));
  return sessions;
}

/** What each terminal was sent. */
async function terminalsOf(sessions: readonly RecordedSession[]): Promise<Buffer[]> {
  const keys = await keyringBeside(join(world.dir, 'data'));
  const terminals: Buffer[] = [];
  for (const { journal, start } of sessions) {
    const pieces: Buffer[] = [];
    for await (const item of readSession(journalDir(), journal, start.session, keys)) {
      if (item.kind === 'output') pieces.push(item.bytes);
      if (item.kind === 'integrity') expect(item).toMatchObject({ intact: true, live: false });
    }
    if (pieces.length > 0) terminals.push(Buffer.concat(pieces));
  }
  return terminals;
}

const toldOf = ({ outcome }: RecordedOperation): boolean => outcome !== null && ['ok', 'unknown', 'error', 'lost', 'cancelled'].includes(outcome.status);

it(`loses nothing of commands, terminals and files (GW_KILL_SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  const kills = { worker: 0, gateway: 0 };
  let gateway = await start();
  for (let round = 0; round < ROUNDS; round++) {
    const before = (await readdir(marks)).length;
    const clients = new Clients(`r${round}`);
    const after = random.int(...DONE);
    await eventually('the clients are at work', async () => (await readdir(marks)).length >= before + after);
    await sleep(random.int(0, 40));
    if (round % 3 === 2) {
      gateway.process.kill('SIGKILL');
      kills.gateway++;
      await gateway.exited;
      await clients.stop();
      gateway = await start();
    } else {
      const victim = random.pick(await workers(gateway));
      process.kill(victim, 'SIGKILL');
      kills.worker++;
      await eventually('another worker is there', async () => {
        const now = await workers(gateway);
        return now.length === 2 && !now.includes(victim);
      });
      await clients.stop();
    }
  }
  gateway.process.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
  const all = await recordedOfAll();

  const operations = all.flatMap((session) => session.operations);
  const named = (test: (operation: RecordedOperation) => boolean): RecordedOperation[] => operations.filter(test);
  const names = await readdir(marks);
  const missing: string[] = [];
  for (const name of names) {
    const path = `${marks}/${name}`;
    if (name.startsWith('command-') && !named((each) => each.exact.includes(`touch ${path};`)).some(toldOf)) missing.push(name);
    if (name.startsWith('file-')) {
      const writes = named((each) => each.facts?.effects.some(({ action, resource }) => action === 'sftp.write' && resource?.name[0] === path) === true);
      if (!writes.some(toldOf)) missing.push(name);
    }
  }
  for (const name of missing)
    console.log(
      name,
      JSON.stringify(named((each) => each.exact.includes(name)).map((o) => [o.exact.toString(), o.outcome, o.delivered.bytes.toString()])),
      JSON.stringify(all.filter((s) => s.operations.some((o) => o.exact.includes(name))).map((s) => [s.journal, s.end])),
    );
  expect(missing, `GW_KILL_SEED=${SEED}`).toEqual([]);
  const told = await terminalsOf(all);
  const unrecorded = screens.filter((screen) => screen.length > 0 && !told.some((bytes) => bytes.includes(screen)));
  expect(
    unrecorded.map((screen) => screen.toString()),
    `GW_KILL_SEED=${SEED}`,
  ).toEqual([]);
  expect(all.filter(({ end }) => end === null).map(({ start: { session } }) => session)).toEqual([]);
  const { problems } = await verifyAudit({ from: join(world.dir, 'data'), keyFiles: [], checkpointFiles: [], at: null });
  expect(problems).toEqual([]);

  // The kills did hit sessions at work, of each kind.
  expect(kills).toEqual({ worker: 8, gateway: 4 });
  for (const kind of ['command-', 'file-', 'typed-']) expect(names.filter((name) => name.startsWith(kind)).length, kind).toBeGreaterThan(ROUNDS);
  expect(all.filter(({ end }) => end?.reason === 'interrupted').length).toBeGreaterThan(0);
  expect(operations.filter(({ outcome }) => outcome?.status === 'unknown').length).toBeGreaterThan(0);
  expect(screens.filter((screen) => screen.includes('done-1-')).length).toBeGreaterThanOrEqual(ROUNDS);
}, 600_000);
