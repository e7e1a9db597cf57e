/** A few patient sessions over TLS that are asked after each kill of a worker whether they are still there, on the connection that they had. */
import type pg from 'pg';
import type { SeenConnection } from './audit.js';
import type { WireOperation } from './wire-operations.js';

const WITNESSES = 4;

interface Witness {
  readonly client: pg.Client;
  readonly operations: WireOperation[];
  readonly openedAt: number;
  closedAt: number;
}

export class Witnesses {
  readonly #connect: () => Promise<pg.Client>;
  #present: Witness[] = [];
  #all: Witness[] = [];
  #number = 0;

  constructor(connect: () => Promise<pg.Client>) {
    this.#connect = connect;
  }

  /** Replaces those that are gone. */
  async fill(): Promise<void> {
    this.#present = this.#present.filter(({ closedAt }) => closedAt === Number.POSITIVE_INFINITY);
    while (this.#present.length < WITNESSES) {
      const openedAt = performance.now();
      // A worker may be killed while it lets somebody in.
      const client = await this.#connect().catch(() => null);
      if (client === null) continue;
      const witness: Witness = { client, operations: [], openedAt, closedAt: Number.POSITIVE_INFINITY };
      client.on('end', () => {
        witness.closedAt = Math.min(witness.closedAt, performance.now());
      });
      this.#present.push(witness);
      this.#all.push(witness);
      await this.#answers(witness);
    }
  }

  /** How many answer. */
  async ask(): Promise<number> {
    const answers = await Promise.all(this.#present.map((witness) => this.#answers(witness)));
    return answers.filter(Boolean).length;
  }

  /** All witnesses since the last call, when the gateway they were connected to is gone. */
  taken(): SeenConnection[] {
    const all = this.#all;
    this.#all = [];
    return all.map(({ operations, openedAt, closedAt }) => ({ operations, openedAt, closedAt, closedBy: 'gateway', terminated: false }));
  }

  async #answers({ client, operations }: Witness): Promise<boolean> {
    const id = `op_0_${++this.#number}`;
    const text = `select '${id}' as id`;
    operations.push({ id, text, parameters: null, down: Buffer.alloc(0), up: Buffer.alloc(0) });
    try {
      const { rows } = await client.query<{ id: string }>(text);
      return rows[0]?.id === id;
    } catch {
      // Its connection is gone: the record says why.
      return false;
    }
  }
}
