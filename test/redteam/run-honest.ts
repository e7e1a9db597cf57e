/**
 * Sends the statements of real tools through the gateway as they stand: by simple query, or by Parse, Bind and Execute when they have
 * parameters. A refusal by the gateway is a false one; that the server does not know some tool's table is none.
 */
import { fields, frame, query } from '../support/raw-client.js';
import type { RedTeamWorld } from './red-team-world.js';
import { sendStep } from './send-step.js';

export interface HonestScore {
  /** Carried by the gateway. */
  readonly passed: number;
  /** Of these, carried out by the server without an error. */
  readonly done: number;
  readonly refused: readonly { readonly sql: string; readonly why: string }[];
}

interface Errors {
  readonly errors: readonly { readonly code: string; readonly message: string }[];
  readonly status: string;
}

export async function runHonest(world: RedTeamWorld, statements: readonly string[]): Promise<HonestScore> {
  await world.reconnect();
  let passed = 0;
  let done = 0;
  const refused: { sql: string; why: string }[] = [];
  for (const sql of statements) {
    const { errors, status } = await carry(world, sql);
    const refusal = errors.find(({ code, message }) => (code === '42501' && message.startsWith('refused by policy')) || code === '0A000');
    if (status === 'closed') {
      refused.push({ sql, why: 'the session ended' });
      await world.reconnect();
    } else if (refusal !== undefined) refused.push({ sql, why: refusal.message });
    else passed++;
    if (errors.length === 0) done++;
    if (status === 'E') await sendStep(world.attacker, { text: 'rollback', form: 'simple', values: [] });
  }
  return { passed, done, refused };
}

async function carry(world: RedTeamWorld, sql: string): Promise<Errors> {
  if (/\bfrom stdin\b/i.test(sql)) return copyNothing(world, sql);
  // What PREPARE leaves open is given by EXECUTE.
  if (/^\s*prepare\b/i.test(sql)) return sendStep(world.attacker, { text: sql, form: 'simple', values: [] });
  const parameters = new Set(sql.match(/(?<![\w$])\$\d+/g) ?? []).size;
  const values = Array.from({ length: parameters }, () => null);
  return sendStep(world.attacker, { text: sql, form: parameters > 0 ? 'extended' : 'simple', values });
}

/** COPY FROM STDIN of no row at all. */
async function copyNothing(world: RedTeamWorld, sql: string): Promise<Errors> {
  world.attacker.send(query(sql));
  const errors: { code: string; message: string }[] = [];
  for (;;) {
    const reply = await world.attacker.next();
    if (reply.type === 'G') world.attacker.send(frame('c'));
    const { C = '', M = '' } = reply.type === 'E' ? fields(reply) : {};
    if (reply.type === 'E') errors.push({ code: C, message: M });
    if (reply.type === 'Z') return { errors, status: reply.body.toString() };
  }
}
