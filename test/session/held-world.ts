/** A session path before a real PostgreSQL, people who are asked, and their clients: for tests of one file, whose hooks this registers. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import { approveAs, type DeskWorld, reviewer, startDeskWorld } from '../approval/desk-world.js';
import { eventually } from '../store/state-server.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';

export type HeldClient = pg.Client & { readonly notices: string[] };

export class HeldWorld {
  /** Ended behind each test. */
  readonly clients: pg.Client[] = [];
  server!: RealPostgres;
  desks!: DeskWorld;
  path!: PathWorld;

  /** `schema`: what the database is given; `policy` is in force when each test begins. */
  constructor(schema: string, policy: string) {
    beforeAll(async () => {
      [this.server, this.desks] = await Promise.all([startRealPostgres('18'), startDeskWorld(1)]);
      await this.server.sql(schema);
      this.path = await startPathWorld({ server: this.server, policy, approvals: this.desk.door });
    });
    beforeEach(() => this.use(policy));
    afterEach(async () => {
      await Promise.all(this.clients.splice(0).map((client) => client.end().catch(() => undefined)));
      for (const record of await this.desk.list({ states: ['pending', 'approved'], limit: 1_000 }))
        await this.desk
          .cancel(record.id, { ...reviewer('x').identity, ...record.requester, emailVerified: true }, 'end of the test')
          // The client that left took it back by itself.
          .catch(() => undefined);
    });
    afterAll(async () => {
      await this.path[Symbol.asyncDispose]();
      await this.desks.close();
      await this.server[Symbol.asyncDispose]();
    });
  }

  get desk(): DeskWorld['desks'][number] {
    const [first] = this.desks.desks;
    if (first === undefined) throw new Error('no desk');
    return first;
  }

  use(text: string): void {
    this.path.setPolicy(text);
    this.desks.policy = this.path.policy;
  }

  async connect(): Promise<HeldClient> {
    const client = new pg.Client({ connectionString: this.path.url('token-ann') });
    const notices: string[] = [];
    client.on('notice', ({ severity, message }) => notices.push(`${severity ?? ''}: ${message ?? ''}`));
    this.clients.push(client);
    await client.connect();
    return Object.assign(client, { notices });
  }

  /** The one request that waits. */
  async waiting(): Promise<ApprovalRecord> {
    let found: ApprovalRecord[] = [];
    await eventually('a request waits', async () => {
      found = await this.desk.list({ states: ['pending'], limit: 10 });
      return found.length === 1;
    });
    return found[0] as ApprovalRecord;
  }

  /** Nobody is asked. */
  async none(): Promise<void> {
    expect(await this.desk.list({ states: ['pending'], limit: 10 })).toEqual([]);
  }

  /** Held, looked at, let through. */
  async letThrough(result: Promise<unknown>): Promise<ApprovalRecord> {
    result.catch(() => undefined);
    const request = await this.waiting();
    await approveAs(this.desk, request, 'bob');
    return request;
  }
}

export const rows = async (client: pg.Client, text: string, values?: unknown[], binary = false): Promise<unknown[][]> =>
  (await client.query({ text, rowMode: 'array', ...(values === undefined ? {} : { values }), ...(binary ? { binary } : {}) })).rows as unknown[][];
