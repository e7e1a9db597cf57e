/**
 * A run with kills: a gateway with two workers under load in front of a server, all of which can be killed, and the evidence of what
 * happened as the outside saw it and as the gateway recorded it.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readIfThere } from '../../../src/base/read-if-there.js';
import type { SessionSummary } from '../../../src/contract/session-store.js';
import { verifyAudit } from '../../../src/gateway/audit-workbench.js';
import { keyringBeside } from '../../../src/gateway/journal-keys.js';
import { type JournalReport, readSession, verifyJournal } from '../../../src/recording/index.js';
import { listWorkers } from '../../../src/recording/journal-directory.js';
import { isWorkerAlive } from '../../../src/recording/worker-lock.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../../gateway/gateway-world.js';
import { eventually } from '../../store/state-server.js';
import { copyLive } from '../copy-live.js';
import { childProcesses, processTree } from '../process-list.js';
import type { Evidence } from './audit.js';
import { GrowingLog } from './growing-log.js';
import { KeptRecord } from './kept-record.js';
import { Load } from './load.js';
import { type RecordedSession, recordedSessions } from './recorded-sessions.js';
import { TABLES } from './script.js';
import { SeededRandom } from './seeded-random.js';
import { KillTarget, kill } from './target.js';
import { readWire } from './wire-operations.js';
import { WireTap } from './wire-tap.js';
import { Witnesses } from './witnesses.js';

/** `primary`: the first process of the gateway alone, `gateway`: all of its processes at once, those of its own database too. Both end a round. */
export type KillKind = 'client' | 'backend' | 'worker' | 'server' | 'primary' | 'gateway';

/** Processes of the gateway. */
const OF_GATEWAY = ['worker', 'primary', 'gateway'] as const;

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
  - { id: no-drop, effect: deny, actions: [drop], message: tables stay }
`;
const PLACES = 8;
/** Ends what hangs: a machine that is busy with something else takes half a minute to start a gateway. */
const PATIENCE_MS = 120_000;
/** Clients send between these many bytes from one kill to the next. */
const TRAFFIC = [200, 10_000] as const;

export class KillRun {
  readonly kills: Record<KillKind, number> = { client: 0, backend: 0, worker: 0, server: 0, primary: 0, gateway: 0 };
  /** Sessions found working on their own connection after a worker was killed. */
  undisturbed = 0;
  readonly load: Load;
  readonly #random: SeededRandom;
  readonly #world: GatewayWorld;
  readonly #target: KillTarget;
  readonly #tap: WireTap;
  readonly #witnesses: Witnesses;
  readonly #token: string;
  readonly #auditor: string;
  readonly #killed = new Map<string, number>();
  /** Journals that were read to their end. */
  readonly #audited = new Set<string>();
  readonly #kept = new KeptRecord();
  readonly #log: GrowingLog;
  /** The newest session that the store had when it was read last. */
  #newest = '';
  /** What the log was found to be after a kill of a worker. */
  #grown: string[] = [];
  #targetDown: { from: number; to: number }[] = [];
  #gateway: RunningGateway | null = null;

  private constructor(parts: { random: SeededRandom; world: GatewayWorld; target: KillTarget; tap: WireTap; load: Load; token: string; auditor: string }) {
    this.#random = parts.random;
    this.#world = parts.world;
    this.#target = parts.target;
    this.#tap = parts.tap;
    this.load = parts.load;
    this.#token = parts.token;
    this.#auditor = parts.auditor;
    this.#log = new GrowingLog(join(parts.world.dir, 'data'));
    this.#witnesses = new Witnesses(() => this.#world.connect(this.gateway, this.#token));
  }

  static async prepare(seed: number): Promise<KillRun> {
    const random = new SeededRandom(seed);
    const [world, target, tap] = await Promise.all([startGatewayWorld(), KillTarget.start(), WireTap.start()]);
    await target.rows(TABLES);
    await world.configure({ workers: 2, logLevel: 'warn' });
    await world.writePolicy(POLICY);
    const config = JSON.parse(await readFile(world.configFile, 'utf8')) as Record<string, unknown> & { gateway: object; targets: object[] };
    await writeFile(join(world.dir, 'password'), target.password, { mode: 0o600 });
    const address = { address: `127.0.0.1:${target.port}`, credential: { username: target.username, password: { file: 'password' } } };
    const both = config.targets.flatMap((each) => [
      { ...each, ...address },
      { ...each, ...address, name: 'bank-strict', durability: 'strict' },
    ]);
    const gateway = { ...config.gateway, native: [{ protocol: 'postgres', listen: '127.0.0.1:0', plaintext: 'loopback' }] };
    const recording = { resultCap: '16KiB', segmentSize: '512KiB' };
    await writeFile(world.configFile, JSON.stringify({ ...config, gateway, targets: both, recording }));
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const token = await world.token('alice', ['engineers'], { exp });
    const auditor = await world.token('carol', ['auditors'], { exp });
    const load = await Load.prepare({ port: tap.port, token, targets: ['bank-db', 'bank-strict'], places: PLACES, random });
    return new KillRun({ random, world, target, tap, load, token, auditor });
  }

  get gateway(): RunningGateway {
    if (this.#gateway === null) throw new TypeError('the gateway was not started');
    return this.#gateway;
  }

  get journalDir(): string {
    return join(this.#world.dir, 'data', 'journal');
  }

  /** Kills of processes of the gateway. */
  get gatewayKills(): number {
    return OF_GATEWAY.reduce((sum, kind) => sum + this.kills[kind], 0);
  }

  /** How often the audit log was verified after a kill. */
  get logLooks(): number {
    return this.#log.looks;
  }

  async start(): Promise<void> {
    this.#gateway = await this.#world.start();
    this.#tap.lead(Number(this.#gateway.native['postgres']?.split(':').at(-1)));
  }

  /** Under load: every kind as often as `plan` says in random order, the primary or the whole gateway last. Ends when everything is quiet. */
  async killAll(plan: Readonly<Partial<Record<Exclude<KillKind, 'primary' | 'gateway'>, number>>>): Promise<void> {
    this.load.begin();
    await this.#witnesses.fill();
    const kinds = Object.entries(plan).flatMap(([kind, times]) => Array.from({ length: times }, () => kind as KillKind));
    for (const kind of [...this.#random.shuffled(kinds), this.#random.pick(['primary', 'gateway'] as const)]) {
      while (!(await this.#kill(kind)));
      this.kills[kind]++;
    }
    await this.gateway.exited;
    await this.load.idle();
    await this.#target.settle();
  }

  /** What of the gateway runs, and what it said last: what somebody who finds that something did not happen wants to know. */
  async state(): Promise<string> {
    const locks: string[] = [];
    for (const journal of await this.#unread()) {
      const lock = await readIfThere(join(this.journalDir, journal, 'lock'));
      if (lock !== null) locks.push(`${journal} ${(await isWorkerAlive(join(this.journalDir, journal))) ? 'live' : 'dead'} ${lock}`);
    }
    const said = this.gateway.log.slice(-20).map((line) => JSON.stringify(line));
    const ended = this.gateway.process.exitCode ?? this.gateway.process.signalCode;
    return [`primary ${this.gateway.process.pid} ${ended ?? 'runs'}`, `workers ${this.#workers().join(' ')}`, ...locks, ...said].join('\n');
  }

  /** What there is to compare of everything since the last call, once the gateway runs again, and what is wrong with the log as far as it grew since. */
  async evidence(): Promise<{ readonly evidence: Evidence; readonly logProblems: readonly string[] }> {
    const sessions: RecordedSession[] = [];
    const journals = await this.#unread();
    for (const journal of journals) {
      if (await isWorkerAlive(join(this.journalDir, journal))) continue;
      this.#audited.add(journal);
      sessions.push(...(await recordedSessions(this.journalDir, journal)));
    }
    const tapped = this.#tap.connections.map((connection) => {
      const { openedAt, closedAt, closedBy } = connection;
      return { ...readWire(connection), openedAt, closedAt, closedBy };
    });
    const copied = new Map<string, string[]>();
    for (const [id, n, payload] of await this.#target.rows('select id, n, payload from copied order by id, n')) {
      const rows = copied.get(id ?? '') ?? [];
      rows.push(`${id}\t${n}\t${payload}\n`);
      copied.set(id ?? '', rows);
    }
    const evidence: Evidence = {
      connections: [...tapped, ...this.#witnesses.taken()],
      executed: this.#target.executed,
      written: (await this.#target.rows('select id from written')).map(([id]) => id ?? ''),
      copied,
      sessions,
      stored: await this.#stored(this.#newest),
      killed: this.#killed,
      targetDown: this.#targetDown,
    };
    this.#tap.connections = [];
    this.#target.executed = [];
    this.#targetDown = [];
    await this.#target.rows('truncate written, copied');
    this.#newest = [...evidence.stored.keys(), this.#newest].sort().at(-1) ?? '';
    this.#kept.keep(sessions, evidence.stored);
    const found = [...this.#grown, ...(await this.#log.journals(journals))];
    this.#grown = [];
    return { evidence, logProblems: found };
  }

  /** What is not any more as it was found by any call of `evidence` before. Reads all that there is. */
  async lost(damage: (sessions: AsyncIterable<RecordedSession>) => AsyncIterable<RecordedSession> = (sessions) => sessions): Promise<string[]> {
    return this.#kept.differences(damage(this.#recorded()), await this.#stored(''));
  }

  /** What a look at the log says of a copy of it that `damage` changed. */
  async damagedLog(damage: (dataDir: string) => Promise<void>): Promise<string[]> {
    const copy = await mkdtemp(join(this.#world.dir, 'damaged-'));
    try {
      await copyLive(join(this.#world.dir, 'data', 'log'), join(copy, 'log'));
      await cp(join(this.#world.dir, 'data', 'audit-key'), join(copy, 'audit-key'));
      await damage(copy);
      return await this.#log.problemsOf(copy);
    } finally {
      await rm(copy, { recursive: true });
    }
  }

  /** Sessions that the store shows as live. */
  async shownAsLive(): Promise<SessionSummary[]> {
    return this.#page('?state=live&limit=1000');
  }

  /** What `readSession` says of some of these sessions. */
  async notIntact(evidence: Evidence, samples: number): Promise<string[]> {
    const wrong: string[] = [];
    for (let i = 0; i < Math.min(samples, evidence.sessions.length); i++) {
      const { journal, start } = this.#random.pick(evidence.sessions);
      for await (const item of readSession(this.journalDir, journal, start.session, await keyringBeside(dirname(this.journalDir)))) {
        if (item.kind === 'integrity' && !(item.intact && !item.live)) wrong.push(`${start.session}: ${JSON.stringify(item.problems)}`);
      }
    }
    return wrong;
  }

  /** What the verifier says of the audit log and of the journals against it, as it would of a copy made now. */
  async logProblems(): Promise<string[]> {
    const { problems } = await verifyAudit({ from: dirname(this.journalDir), keyFiles: [], checkpointFiles: [], at: null });
    return problems.map(({ claim, log, index, message }) => `${claim}: ${log} ${index ?? ''}: ${message}`);
  }

  /** A clean end, and what the verification of all journals then says. */
  async stop(): Promise<{ readonly exitCode: number | null; readonly report: JournalReport }> {
    this.gateway.process.kill('SIGTERM');
    return { exitCode: await this.gateway.exited, report: await verifyJournal(this.journalDir) };
  }

  async close(): Promise<void> {
    await this.load.close();
    await this.#tap.close();
    await this.#target.close();
    await this.#world.close();
  }

  async #kill(kind: KillKind): Promise<boolean> {
    const traffic = this.#random.int(...TRAFFIC);
    let hit = false;
    if (kind === 'client') {
      await this.#tap.after(traffic, () => {
        hit = this.load.killOne();
      });
      return hit;
    }
    if (kind === 'worker') return this.#killWorker(traffic);
    if (kind === 'primary' || kind === 'gateway') {
      const pid = this.gateway.process.pid ?? 0;
      const from = await this.#moment(traffic, () => {
        for (const each of kind === 'primary' ? [pid] : processTree(pid)) kill(each);
        this.load.hold();
      });
      await this.gateway.exited;
      for (const journal of await this.#unread()) if (!this.#killed.has(journal)) this.#killed.set(journal, from);
      return true;
    }
    const from = await this.#moment(traffic, () => undefined);
    if (kind === 'backend') hit = await this.#target.killBackend(this.#random);
    else {
      this.load.pause();
      await this.#target.killServer();
      this.load.resume();
      hit = true;
    }
    this.#targetDown.push({ from, to: performance.now() });
    return hit;
  }

  async #moment(traffic: number, act: () => void): Promise<number> {
    let at = 0;
    await this.#tap.after(traffic, () => {
      at = performance.now();
      act();
    });
    return at;
  }

  /** Any worker, one that is still starting too; mostly when both are there, so that the other one has something to go on with. */
  async #killWorker(traffic: number): Promise<boolean> {
    if (this.#random.int(1, 4) > 1) await eventually('both workers are there', async () => (await this.#live()) === 2, PATIENCE_MS);
    const workers = this.#workers();
    if (workers.length === 0) return false;
    await this.#witnesses.fill();
    const victim = this.#random.pick(workers);
    const before = await this.#journalsOf(victim);
    let hit = false;
    const at = await this.#moment(traffic, () => {
      hit = kill(victim);
    });
    if (!hit) return false;
    for (const journal of [...before, ...(await this.#journalsOf(victim))]) if (!this.#killed.has(journal)) this.#killed.set(journal, at);
    await eventually('the worker is gone', () => !this.#workers().includes(victim), PATIENCE_MS);
    this.undisturbed += await this.#witnesses.ask();
    this.#grown.push(...(await this.#log.grow()));
    return true;
  }

  /** Journals that were not read to their end yet, live ones too. */
  async #unread(): Promise<string[]> {
    return (await listWorkers(this.journalDir)).filter((journal) => !this.#audited.has(journal));
  }

  /** How many journals a process writes now. */
  async #live(): Promise<number> {
    const alive = await Promise.all((await this.#unread()).map((journal) => isWorkerAlive(join(this.journalDir, journal))));
    return alive.filter(Boolean).length;
  }

  async #journalsOf(pid: number): Promise<string[]> {
    const own: string[] = [];
    for (const journal of await this.#unread()) {
      const lock = await readFile(join(this.journalDir, journal, 'lock'), 'utf8').catch(() => '{}');
      if ((JSON.parse(lock === '' ? '{}' : lock) as { pid?: number }).pid === pid) own.push(journal);
    }
    return own;
  }

  /** Process ids of the workers. */
  #workers(): number[] {
    return childProcesses(this.gateway.process.pid ?? 0)
      .filter(({ command }) => command.includes('worker-main'))
      .map(({ pid }) => pid);
  }

  async *#recorded(): AsyncGenerator<RecordedSession, void> {
    for (const journal of this.#audited) yield* await recordedSessions(this.journalDir, journal);
  }

  /** Rows of the store, newest first, down to the page in which one is no newer than `known`. */
  async #stored(known: string): Promise<Map<string, SessionSummary>> {
    const stored = new Map<string, SessionSummary>();
    for (let before = ''; ; ) {
      const page = await this.#page(`?limit=100${before === '' ? '' : `&before=${before}`}`);
      for (const session of page) stored.set(session.id, session);
      before = page.at(-1)?.id ?? '';
      if (page.length < 100 || before <= known) return stored;
    }
  }

  async #page(query: string): Promise<SessionSummary[]> {
    const reply = await this.#world.api(this.gateway, `/api/v1/sessions${query}`, { token: this.#auditor });
    if (reply.status !== 200) throw new TypeError(`the gateway answers ${reply.status}: ${reply.text}`);
    return (reply.json as unknown as { sessions: SessionSummary[] }).sessions;
  }
}
