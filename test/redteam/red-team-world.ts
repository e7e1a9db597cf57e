/**
 * A real PostgreSQL server with the target's data, the gateway's path in front of it under the shipped guardrails, an attacker's session
 * through the gateway, and the owner's own connection past it, which tells whether anything changed.
 */
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { query, RawClient, rowsOf } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { FINGERPRINT, SCRATCH, SEED, SESSION } from './target.js';

const GUARDRAILS = new URL('../../policies/guardrails.yaml', import.meta.url);
const ALLOW_THE_REST = '  - { id: the-rest, effect: allow, actions: [connect, unknown, "*"] }';

export type Fingerprint = ReadonlyMap<string, string>;

export class RedTeamWorld implements AsyncDisposable {
  readonly server: RealPostgres;
  readonly path: PathWorld;
  readonly dir: string;
  readonly #victim: RawClient;
  readonly victimPid: number;
  #owner: RawClient;
  attacker: RawClient;
  #policy: string;

  private constructor(
    policy: string,
    server: RealPostgres,
    path: PathWorld,
    dir: string,
    victim: RawClient,
    victimPid: number,
    owner: RawClient,
    attacker: RawClient,
  ) {
    this.#policy = policy;
    this.server = server;
    this.path = path;
    this.dir = dir;
    this.#victim = victim;
    this.victimPid = victimPid;
    this.#owner = owner;
    this.attacker = attacker;
  }

  /** `tables`: more statements that make the database. */
  static async start(tables: readonly string[] = []): Promise<RedTeamWorld> {
    const server = await startRealPostgres('18', { log_statement: 'none', wal_level: 'logical' });
    await server.sql('create role mallory login');
    await server.sql('create role staff');
    await server.sql('create database vault');
    await server.sql('create database bank');
    const owner = await direct(server, 'bank');
    for (const text of [...SEED, ...tables, ...SCRATCH]) await must(owner, text);
    const policy = `${await readFile(GUARDRAILS, 'utf8')}\n${ALLOW_THE_REST}\ndefaults: [{ operations: allow }]\n`;
    const path = await startPathWorld({
      server: { port: server.port, username: server.username, password: server.password, database: 'bank' },
      policy,
    });
    const victim = await direct(server, 'bank', 'victim');
    const [[pid] = []] = rowsOf(await victim.run(query('select pg_backend_pid()')));
    const dir = await mkdtemp(join(tmpdir(), 'gw-redteam-'));
    await chmod(dir, 0o777);
    const attacker = await RawClient.login(path.port, 'bank-db', 'token-eve', 'bank');
    const world = new RedTeamWorld(policy, server, path, dir, victim, Number(pid), owner, attacker);
    const failed = (await world.fingerprint()).get('whole');
    if (failed !== undefined) throw new Error(`The fingerprint cannot be taken: ${failed}`);
    return world;
  }

  setPolicy(text: string): void {
    this.#policy = text;
    this.path.setPolicy(text);
  }

  /** Another world like this one at its start, under the same policy. */
  async again(): Promise<RedTeamWorld> {
    const world = await RedTeamWorld.start();
    world.setPolicy(this.#policy);
    return world;
  }

  /** Each part of the target with its digest, what lies in the directory of files, and what the attacker's session is. */
  async fingerprint(): Promise<Fingerprint> {
    const replies = await this.#owner.run(query(FINGERPRINT));
    const parts = new Map(rowsOf(replies).map(([part, digest]): [string, string] => [part ?? '', digest ?? '']));
    const failed = replies.find((reply) => reply.type === 'E');
    if (failed !== undefined) parts.set('whole', failed.body.toString().replaceAll('\0', ' '));
    parts.set('files', (await readdir(this.dir)).join(' '));
    return parts;
  }

  async session(): Promise<string> {
    return JSON.stringify(rowsOf(await this.attacker.run(query(SESSION))));
  }

  /** Throws away what earlier attacks made on their way. */
  async clearScratch(): Promise<void> {
    for (const text of SCRATCH) await must(this.#owner, text);
  }

  /** Whether a session with these start-up parameters is refused. */
  async turnsAway(parameters: Record<string, string>): Promise<boolean> {
    const session = await RawClient.login(this.path.port, 'bank-db', 'token-eve', 'bank', parameters).catch((cause: unknown) => {
      if (cause instanceof Error && 'fields' in cause) return null;
      throw cause;
    });
    session?.close();
    return session === null;
  }

  async reconnect(): Promise<void> {
    this.attacker.close();
    this.attacker = await RawClient.login(this.path.port, 'bank-db', 'token-eve', 'bank');
  }

  /** The owner's connection, for what is shown on the bare server. */
  get owner(): RawClient {
    return this.#owner;
  }

  async reconnectOwner(): Promise<void> {
    this.#owner.close();
    this.#owner = await direct(this.server, 'bank');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.attacker.close();
    this.#owner.close();
    this.#victim.close();
    await this.path[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}

function direct(server: RealPostgres, database: string, application = 'owner'): Promise<RawClient> {
  return RawClient.login(server.port, server.username, server.password, database, { application_name: application });
}

async function must(client: RawClient, text: string): Promise<void> {
  const failed = (await client.run(query(text))).find((reply) => reply.type === 'E');
  if (failed !== undefined) throw new Error(`${text}: ${failed.body.toString()}`);
}
