/**
 * A real gateway at work in front of a server whose own log says what it executed: each operation has a name, so that afterwards what the server did, what the
 * clients were told, the journals and the log can be compared.
 */
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { listWorkers } from '../../src/recording/journal-directory.js';
import { recordedSessions } from '../support/kill/recorded-sessions.js';
import { KillTarget } from '../support/kill/target.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers] } }
`;

/** What clients were told, by operation. */
export type Told = Map<string, 'ok' | 'refused'>;

export class CountedWork {
  readonly world: GatewayWorld;
  readonly target: KillTarget;
  /** Of the tokens that clients log in with. */
  claims: Record<string, unknown> = {};
  #gateway: RunningGateway | null = null;
  #operation = 0;

  private constructor(world: GatewayWorld, target: KillTarget) {
    this.world = world;
    this.target = target;
  }

  /** Its gateway has one worker, and two names for the server: `bank-db`, and `bank-strict` with strict durability. */
  static async open(): Promise<CountedWork> {
    const [world, target] = await Promise.all([startGatewayWorld(), KillTarget.start()]);
    await world.configure({ workers: 1 });
    await world.writePolicy(POLICY);
    const config = JSON.parse(await readFile(world.configFile, 'utf8')) as Record<string, unknown> & { gateway: object; targets: object[] };
    await writeFile(join(world.dir, 'password'), target.password, { mode: 0o600 });
    const address = { address: `127.0.0.1:${target.port}`, credential: { username: target.username, password: { file: 'password' } } };
    const targets = config.targets.flatMap((each) => [
      { ...each, ...address },
      { ...each, ...address, name: 'bank-strict', durability: 'strict' },
    ]);
    const gateway = { ...config.gateway, native: [{ protocol: 'postgres', listen: '127.0.0.1:0', plaintext: 'loopback' }] };
    await writeFile(world.configFile, JSON.stringify({ ...config, gateway, targets, recording: { segmentSize: '64KiB' } }));
    return new CountedWork(world, target);
  }

  get gateway(): RunningGateway {
    if (this.#gateway === null) throw new TypeError('no gateway was started');
    return this.#gateway;
  }

  /** A gateway in the place of the one before; what the server executed is counted from here on. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<Told> {
    this.#gateway = await this.world.start(env);
    this.target.executed = [];
    return new Map();
  }

  async kill(): Promise<void> {
    this.#gateway?.process.kill('SIGKILL');
    await this.#gateway?.exited;
  }

  async close(): Promise<void> {
    await this.world.close();
    await this.target.close();
  }

  async connect(name = 'bank-db'): Promise<pg.Client> {
    const port = Number(this.gateway.native['postgres']?.split(':').at(-1));
    const password = await this.world.token('alice', ['engineers'], this.claims);
    const client = new pg.Client({ host: '127.0.0.1', port, user: name, password, database: 'postgres', connectionTimeoutMillis: 20_000 });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** One operation that the server's log names. */
  async work(client: pg.Client, told: Told): Promise<boolean> {
    const id = `op-${++this.#operation}`;
    try {
      await client.query(`select '${id}', repeat('x', 200)`);
      told.set(id, 'ok');
      return true;
    } catch {
      told.set(id, 'refused');
      return false;
    }
  }

  /** Over a connection that stays open: a process without file descriptors accepts none. */
  async readiness(agent: Agent): Promise<{ status: number; checks: Record<string, { ok: boolean }> }> {
    const sent = request(new URL('/readyz', this.gateway.url), { ca: this.world.ca, agent });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode ?? 0, checks: (JSON.parse(text) as { checks: Record<string, { ok: boolean }> }).checks };
  }

  async workers(): Promise<string[]> {
    const found: string[] = [];
    for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === this.gateway.process.pid && command.includes('worker-main')) found.push(name);
    }
    return found;
  }

  /** Ends the gateway in order: then the server's log, the journals and the log tell one story. */
  async allIsThere(told: Told): Promise<{ executed: number; refused: number }> {
    this.gateway.process.kill('SIGTERM');
    expect(await this.gateway.exited).toBe(0);
    await this.target.settle();
    const { problems } = await verifyAudit({ from: join(this.world.dir, 'data'), keyFiles: [], checkpointFiles: [], at: null });
    expect(problems).toEqual([]);
    const journals = join(this.world.dir, 'data', 'journal');
    const recorded = new Map<string, string>();
    for (const journal of await listWorkers(journals)) {
      for (const { operations } of await recordedSessions(journals, journal)) {
        for (const { exact, outcome } of operations) recorded.set(/op-\d+/.exec(exact.toString())?.[0] ?? '', outcome?.status ?? 'missing');
      }
    }
    const executed = new Set(this.target.executed.map(({ text }) => /op-\d+/.exec(text)?.[0] ?? text));
    const wrong: string[] = [];
    for (const id of executed) {
      if (!recorded.has(id)) wrong.push(`${id}: executed, and not recorded`);
      else if (recorded.get(id) === 'missing') wrong.push(`${id}: executed, and recorded without an outcome`);
    }
    for (const [id, answer] of told) {
      if (answer === 'ok' && recorded.get(id) !== 'ok') wrong.push(`${id}: the client got its result, and the record says ${String(recorded.get(id))}`);
      if (answer === 'ok' && !executed.has(id)) wrong.push(`${id}: the client got a result of nothing`);
      if (!recorded.has(id) && executed.has(id)) wrong.push(`${id}: refused, and executed without a record`);
    }
    expect(wrong).toEqual([]);
    return { executed: executed.size, refused: [...told.values()].filter((answer) => answer === 'refused').length };
  }
}
