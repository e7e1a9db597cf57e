/**
 * Sends generated statements through the gateway and looks for canaries in all that comes back, statement by statement, and in all that was
 * written to disk. Each runs in a transaction of its own that is rolled back; a refused one spoils nothing for the next.
 */
import { bind, describe, execute, frame, parse, query, type RawClient, type Reply, sync } from '../../support/raw-client.js';
import { type Finding, inWords } from '../canary.js';
import { canariesInReplies } from '../canary-replies.js';
import type { HiddenStatement } from './hidden-statements.js';

export interface HiddenLeak<Statement extends HiddenStatement = HiddenStatement> {
  readonly statement: Statement;
  readonly canaries: readonly string[];
  /** By which they were found. */
  readonly kinds: ReadonlySet<string>;
}

export interface HiddenScore<Statement extends HiddenStatement = HiddenStatement> {
  readonly statements: number;
  /** Rows came. */
  readonly answered: number;
  readonly refused: number;
  /** The server did not take it. */
  readonly failed: number;
  readonly bytes: number;
  /** Statements in whose answers there were canaries. */
  readonly shown: readonly HiddenLeak<Statement>[];
  readonly errors: ReadonlyMap<string, number>;
}

const SESSIONS = 4;
const AT_ONCE = 12;
const REFUSED = '42501';
const BINARY = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);

/** The messages of one text; `readies`: how many ReadyForQuery answer them. */
export function messagesOf({ delivery }: HiddenStatement, text: string): { readonly bytes: Buffer; readonly readies: number } {
  switch (delivery) {
    case 'extended text':
      return { bytes: Buffer.concat([parse('', text), bind('', ''), describe('P', ''), execute(''), sync()]), readies: 1 };
    case 'extended binary':
      return { bytes: Buffer.concat([parse('', text), frame('B', BINARY), execute(''), sync()]), readies: 1 };
    case 'named, in pieces':
      return {
        bytes: Buffer.concat([parse('n', text), describe('S', 'n'), bind('p', 'n'), execute('p', 1), execute('p', 0), frame('C', 'Sn\0'), sync()]),
        readies: 1,
      };
    default:
      return { bytes: query(text), readies: 1 };
  }
}

interface Tally<Statement extends HiddenStatement> {
  answered: number;
  refused: number;
  failed: number;
  bytes: number;
  readonly shown: HiddenLeak<Statement>[];
  readonly errors: Map<string, number>;
}

/** `login`: of a client that nobody else uses; it is closed in the end. */
export async function runHiddenStatements<Statement extends HiddenStatement>(
  login: () => Promise<RawClient>,
  statements: readonly Statement[],
): Promise<HiddenScore<Statement>> {
  const clients = await Promise.all(Array.from({ length: SESSIONS }, login));
  const tally: Tally<Statement> = { answered: 0, refused: 0, failed: 0, bytes: 0, shown: [], errors: new Map() };
  // A session whose path was changed is one where names mean more; the others stay as they begin.
  const moved = statements.filter(({ delivery }) => delivery === 'search path');
  const plain = statements.filter(({ delivery }) => delivery !== 'search path');
  let next = 0;
  const work = async (client: RawClient, list: readonly Statement[], from: () => number): Promise<void> => {
    for (let at = from(); at < list.length; at = from()) {
      const batch = list.slice(at, at + AT_ONCE);
      for (const statement of batch) {
        client.send(query('begin'));
        for (const text of statement.texts) client.send(messagesOf(statement, text).bytes);
        client.send(query('rollback'));
      }
      for (const statement of batch) count(statement, await client.untilReady(statement.texts.length + 2), tally);
    }
  };
  let nextMoved = 0;
  const fromPlain = (): number => (next += AT_ONCE) - AT_ONCE;
  const fromMoved = (): number => (nextMoved += AT_ONCE) - AT_ONCE;
  await Promise.all(clients.map((client, index) => (index === 0 ? work(client, moved, fromMoved) : work(client, plain, fromPlain))));
  for (const client of clients) {
    client.send(frame('X'));
    await client.untilClosed();
  }
  return { statements: statements.length, ...tally };
}

function count<Statement extends HiddenStatement>(statement: Statement, replies: readonly Reply[], tally: Tally<Statement>): void {
  const codes = replies.filter(({ type }) => type === 'E').map(({ body }) => /\0?C([0-9A-Z]{5})\0/.exec(body.toString('latin1'))?.[1] ?? '');
  if (codes.includes(REFUSED)) tally.refused++;
  else if (codes.length > 0) {
    tally.failed++;
    tally.errors.set(codes[0] ?? '', (tally.errors.get(codes[0] ?? '') ?? 0) + 1);
  }
  if (replies.some(({ type }) => type === 'D' || type === 'd')) tally.answered++;
  tally.bytes += replies.reduce((sum, { body }) => sum + body.length, 0);
  const found: readonly Finding[] = canariesInReplies(replies);
  if (found.length > 0) tally.shown.push({ statement, canaries: found.map(inWords), kinds: new Set(found.map(({ kind }) => kind)) });
}
