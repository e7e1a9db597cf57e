/**
 * A run with kills: a gateway with two workers under load in front of a server, all of which can be killed, and the evidence of what
 * happened as the outside saw it and as the gateway recorded it.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SessionSummary } from '../../../src/contract/session-store.js';
import { verifyAudit } from '../../../src/gateway/audit-workbench.js';
import { keyringBeside } from '../../../src/gateway/journal-keys.js';
import { type JournalReport, readSession, verifyJournal } from '../../../src/recording/index.js';
import { listWorkers } from '../../../src/recording/journal-directory.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../../gateway/gateway-world.js';
import { eventually } from '../../store/state-server.js';
import type { Evidence } from './audit.js';
import { Load } from './load.js';
import { liveJournals, recordedSessions } from './recorded-sessions.js';
import { TABLES } from './script.js';
import { SeededRandom } from './seeded-random.js';
import { KillTarget, kill } from './target.js';
import { readWire } from './wire-operations.js';
import { WireTap } from './wire-tap.js';
import { Witnesses } from './witnesses.js';

export type KillKind = 'client' | 'backend' | 'worker' | 'server' | 'gateway';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
  - { id: no-drop, effect: deny, actions: [drop], message: tables stay }
`;
const PLACES = 8;
/** Clients send between these many bytes from one kill to the next. */
const TRAFFIC = [200, 10_000] as const;

export class KillRun {
  readonly kills: Record<KillKind, number> = { client: 0, backend: 0, worker: 0, server: 0, gateway: 0 };
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
  readonly #audited = new Set<string>();
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

  async start(): Promise<void> {
    this.#gateway = await this.#world.start();
    this.#tap.lead(Number(this.#gateway.native['postgres']?.split(':').at(-1)));
  }

  /** Under load: every kind as often as `plan` says in random order, the gateway as a whole last. Ends when everything is quiet. */
  async killAll(plan: Readonly<Partial<Record<KillKind, number>>>): Promise<void> {
    this.load.begin();
    await this.#witnesses.fill();
    const kinds = Object.entries(plan).flatMap(([kind, times]) => Array.from({ length: times }, () => kind as KillKind));
    for (const kind of [...this.#random.shuffled(kinds), 'gateway' as const]) {
      while (!(await this.#kill(kind)));
      this.kills[kind]++;
    }
    await this.gateway.exited;
    await this.load.idle();
    await this.#target.settle();
  }

  /** What there is to compare of everything since the last call, once the gateway runs again. */
  async evidence(): Promise<Evidence> {
    const live = new Set(await liveJournals(this.journalDir));
    const sessions: Evidence['sessions'][number][] = [];
    for (const journal of await listWorkers(this.journalDir)) {
      if (live.has(journal) || this.#audited.has(journal)) continue;
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
      stored: await this.#stored(),
      killed: this.#killed,
      targetDown: this.#targetDown,
    };
    this.#tap.connections = [];
    this.#target.executed = [];
    this.#targetDown = [];
    await this.#target.rows('truncate written, copied');
    return evidence;
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
    if (kind === 'gateway') {
      const from = await this.#moment(traffic, () => {
        this.gateway.process.kill('SIGKILL');
        this.load.hold();
      });
      await this.gateway.exited;
      for (const journal of await listWorkers(this.journalDir)) {
        if (!this.#killed.has(journal) && !this.#audited.has(journal)) this.#killed.set(journal, from);
      }
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
    if (this.#random.int(1, 4) > 1) await eventually('both workers are there', async () => (await liveJournals(this.journalDir)).length === 2);
    const workers = await this.#workers();
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
    await eventually('the worker is gone', async () => !(await this.#workers()).includes(victim));
    this.undisturbed += await this.#witnesses.ask();
    return true;
  }

  async #journalsOf(pid: number): Promise<string[]> {
    const own: string[] = [];
    for (const journal of await listWorkers(this.journalDir)) {
      const lock = await readFile(join(this.journalDir, journal, 'lock'), 'utf8').catch(() => '{}');
      if ((JSON.parse(lock === '' ? '{}' : lock) as { pid?: number }).pid === pid) own.push(journal);
    }
    return own;
  }

  /** Process ids of the workers, from the kernel. */
  async #workers(): Promise<number[]> {
    const children: number[] = [];
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== this.gateway.process.pid) continue;
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      if (command.includes('worker-main')) children.push(Number(name));
    }
    return children;
  }

  async #stored(): Promise<Map<string, SessionSummary>> {
    const stored = new Map<string, SessionSummary>();
    for (let before = ''; ; ) {
      const page = await this.#page(`?limit=1000${before === '' ? '' : `&before=${before}`}`);
      for (const session of page) stored.set(session.id, session);
      before = page.at(-1)?.id ?? '';
      if (page.length < 1000) return stored;
    }
  }

  async #page(query: string): Promise<SessionSummary[]> {
    const reply = await this.#world.api(this.gateway, `/api/v1/sessions${query}`, { token: this.#auditor });
    if (reply.status !== 200) throw new TypeError(`the gateway answers ${reply.status}: ${reply.text}`);
    return (reply.json as unknown as { sessions: SessionSummary[] }).sessions;
  }
}
