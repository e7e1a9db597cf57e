/**
 * What a held statement would touch, for its reviewer: EXPLAIN without ANALYZE and, for a plain DELETE or UPDATE, a count of its rows, on a connection of its own with the gateway's credential.
 * The transaction is read-only and rolled back, and the server has a deadline. The text goes into a Parse, which takes one statement only,
 * behind `EXPLAIN (FORMAT JSON)`, which takes none of its own options from what follows: nothing of it can be carried out. A planner may
 * call functions that are declared immutable or stable, so a statement that calls code of users is not asked about.
 */
import type { Estimate } from '../../contract/approval.js';
import { GwError } from '../../contract/gw-error.js';
import type { Facts } from '../../contract/operation.js';
import type { UpstreamConnection } from '../../contract/protocol.js';
import { withTextResults } from './bound-parameters.js';
import { Back, Front, message } from './codec/message.js';
import { countQuery } from './facts/index.js';
import type { PostgresStartup } from './login.js';
import { ServerMessages } from './server-messages.js';

const MESSAGES = 10_000;
/** Everything that EXPLAIN takes and that has nothing but relations in it. */
const EXPLAINED = new Set(['select', 'insert', 'update', 'delete', 'merge']);

export function estimateStartup(scope: string | null): PostgresStartup {
  return { settings: new Map([['application_name', 'gw estimate']]), database: scope ?? '', welcomed: false };
}

interface Asked {
  readonly facts: Facts;
  readonly exact: Uint8Array;
  readonly parameters: Uint8Array | null;
  readonly parameterTypes: Uint8Array | null;
}

export async function estimate(connection: UpstreamConnection, asked: Asked, timeoutMs: number): Promise<Estimate | null> {
  const obstacle = obstacleOf(asked.facts);
  if (obstacle !== null) return { rows: null, exactRows: null, cost: null, note: obstacle };
  const messages = new ServerMessages(connection);
  const limit = Math.max(1, Math.round(timeoutMs));
  connection.write(message(Front.Query, `begin read only; set local statement_timeout = ${limit}; set local lock_timeout = ${limit}\0`));
  const began = await answerOf(messages);
  if (began.error !== null) return { rows: null, exactRows: null, cost: null, note: 'the target could not be asked' };
  const { text, error } = await run(connection, messages, Buffer.concat([Buffer.from('explain (format json) '), asked.exact]), asked);
  const planned = error === null ? readPlan(text) : null;
  const counting = planned === null ? null : countQuery(asked.exact);
  // A count that fails or takes too long costs a number, and the transaction that is rolled back anyway.
  const counted = counting === null ? null : await run(connection, messages, counting, asked);
  connection.write(Buffer.concat([message(Front.Query, 'rollback\0'), message(Front.Terminate)]));
  // What the server says about it may hold values of the table; that it could not be planned says enough.
  if (error !== null) return { rows: null, exactRows: null, cost: null, note: `the target could not plan it (SQLSTATE ${error})` };
  return planned === null || counted === null || !/^\d{1,15}$/.test(counted.text) ? planned : { ...planned, exactRows: Number(counted.text) };
}

/** One statement by the extended protocol, with the parameters of the one that is held. */
function run(connection: UpstreamConnection, messages: ServerMessages, text: Buffer, asked: Asked): Promise<Answer> {
  connection.write(
    Buffer.concat([
      message(Front.Parse, '\0', text, '\0', asked.parameterTypes ?? Uint8Array.of(0, 0)),
      message(Front.Bind, '\0\0', asked.parameters === null ? Uint8Array.of(0, 0, 0, 0, 0, 0) : withTextResults(asked.parameters)),
      message(Front.Execute, '\0', Uint8Array.of(0, 0, 0, 0)),
      message(Front.Sync),
    ]),
  );
  return answerOf(messages);
}

function obstacleOf(facts: Facts): string | null {
  if (facts.unknown.length > 0) return 'what it does is not fully known';
  for (const { action, resource, facts: each } of facts.effects) {
    if (action === 'call' && each['class'] === 'plain') continue;
    if (resource?.type === 'function') return 'it calls code of users, which a planner might run';
    if (!EXPLAINED.has(action)) return `a plan says nothing about ${action}`;
  }
  return null;
}

interface Answer {
  readonly text: string;
  readonly error: string | null;
}

/** Up to ReadyForQuery. */
async function answerOf(messages: ServerMessages): Promise<Answer> {
  let text = '';
  let error: string | null = null;
  for (let count = 0; count < MESSAGES; count++) {
    const { type, body } = await messages.next();
    if (type === Back.ReadyForQuery) return { text, error };
    if (type === Back.DataRow && body.length >= 6) text += body.toString('utf8', 6);
    else if (type === Back.ErrorResponse) error = /(?:^|\0)C([0-9A-Z]{5})\0/.exec(body.toString('latin1'))?.[1] ?? 'unknown';
  }
  throw new GwError('target.protocol', 'The target does not come to an end of its answer.');
}

interface PlanNode {
  readonly 'Node Type'?: unknown;
  readonly 'Plan Rows'?: unknown;
  readonly 'Total Cost'?: unknown;
  readonly 'Relation Name'?: unknown;
  readonly Plans?: readonly PlanNode[];
}

function readPlan(text: string): Estimate | null {
  let plan: PlanNode | undefined;
  try {
    plan = (JSON.parse(text) as readonly { readonly Plan?: PlanNode }[])[0]?.Plan;
  } catch {
    return null;
  }
  if (plan === undefined) return null;
  // A ModifyTable node gives no rows to its client; what it changes comes out of the node below it.
  const source = plan['Node Type'] === 'ModifyTable' ? plan.Plans?.[0] : plan;
  const rows = source?.['Plan Rows'];
  const cost = plan['Total Cost'];
  return { rows: typeof rows === 'number' ? rows : null, exactRows: null, cost: typeof cost === 'number' ? cost : null, note: outline(plan) };
}

/** The nodes of the plan in one line, outermost first. */
function outline(plan: PlanNode): string {
  const words: string[] = [];
  let at: PlanNode | undefined = plan;
  while (at !== undefined && words.length < 8) {
    const relation = at['Relation Name'];
    words.push(`${String(at['Node Type'])}${typeof relation === 'string' ? ` on ${relation}` : ''}`);
    at = at.Plans?.[0];
  }
  return words.join(' ← ').slice(0, 500);
}
