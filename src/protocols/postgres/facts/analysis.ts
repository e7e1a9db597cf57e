/**
 * From the text of a query to what it would do: parse with the server's grammar, walk the whole tree, collect effects. First stop of every
 * statement on its way to policy. The text is untrusted; whatever cannot be known makes an `unknown` effect, so that policy can refuse it.
 * An `Analysis` is immutable and shared; decisions are cached by the identity of its facts.
 */
import { isUtf8 } from 'node:buffer';
import type { Facts } from '../../../contract/operation.js';
import { EffectSink } from './effect-sink.js';
import { Literals } from './literals.js';
import { noteUses } from './name-uses.js';
import { parse, prepareParser } from './parser.js';
import { redact, redactUnparsed } from './redaction.js';
import { isShapeStable } from './shape-safety.js';
import { type StatementForm, statementInfo } from './statement-form.js';
import { summarise } from './summary.js';
import { field, integer, isTree, tagged } from './tree.js';
import { walkStatement } from './walker.js';

/** Longest text that is parsed, in bytes; a longer one is unknown. */
export const TEXT_LIMIT = 256 * 1024;

/** What one statement of a text means to the names that a session keeps: prepared statements and cursors. */
export interface StatementInfo extends StatementForm {
  /** PREPARE's and DECLARE's own statement. */
  readonly inner: Analysis | null;
}

export interface Analysis {
  readonly facts: Facts;
  /** One for each statement of the text, in order. */
  readonly statements: readonly StatementInfo[];
  /** No fact depends on the value of a literal: the analysis holds for every text of the same shape. */
  readonly shareable: boolean;
  /** The parser could not be asked: true of this moment, not of the text, so it must not be kept. */
  readonly transient: boolean;
}

/** The analysis of SQL text as bytes. Text that is not UTF-8 is unknown: the server may not check it, and the parser would read another. */
export function analyseBytes(buffer: Buffer, start: number, end: number): Analysis {
  if (end - start > TEXT_LIMIT) return tooLong(buffer.toString('utf8', start, end));
  const text = buffer.toString('utf8', start, end);
  return isUtf8(buffer.subarray(start, end)) ? analyseText(text) : unknown('not valid UTF-8', {}, redactUnparsed(text));
}

function tooLong(text: string): Analysis {
  return unknown(`longer than ${String(TEXT_LIMIT)} bytes`, {}, redactUnparsed(text));
}

export function analyseText(text: string): Analysis {
  if (text.length > TEXT_LIMIT) return tooLong(text);
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > TEXT_LIMIT) return tooLong(text);
  if (text.includes('\0')) return unknown('holds a NUL byte', {}, redactUnparsed(text));
  if (bytes.toString('utf8') !== text) return unknown('not well-formed Unicode', {}, redactUnparsed(text));
  const parsed = text === '' ? ({ kind: 'tree', statements: [] } as const) : parse(text);
  switch (parsed.kind) {
    case 'invalid':
      return invalid(parsed.message, redactUnparsed(text));
    case 'too-deep':
      return unknown('nests too deep for the parser', {}, redactUnparsed(text));
    case 'unavailable':
      return unknown('the parser is restarting; try again', {}, redactUnparsed(text), true);
    default:
      return analyseTree(parsed.statements, text, bytes);
  }
}

/** Facts of a text, for a policy check outside any session. Loads the parser when it is not loaded yet. */
export async function factsOf(text: string): Promise<Facts> {
  await prepareParser();
  return analyseText(text).facts;
}

function analyseTree(raw: readonly unknown[], text: string, bytes: Buffer): Analysis {
  const sink = new EffectSink();
  const literals = new Literals(bytes);
  const secrets: number[] = [];
  const roots = raw.map((entry) => field(isTree(entry) ? entry : {}, 'stmt'));
  for (const [i, statement] of roots.entries()) {
    const entry = raw[i];
    walkTop(statement, sink, literals, integer(isTree(entry) ? entry : {}, 'stmt_location'), secrets);
  }
  const redacted = redact(text, secrets);
  const statements = roots.map((statement): StatementInfo => {
    const { inner, ...form } = statementInfo(statement);
    return { ...form, inner: inner === null ? null : analyseInner(inner, bytes, redacted) };
  });
  const [only, ...more] = statements;
  const plain = only !== undefined && more.length === 0 && only.kind === 'other' && PLAIN.has(tagged(roots[0])?.tag ?? '');
  return freeze(sink, statements, redacted, plain && secrets.length === 0 && !literals.read && isShapeStable(text));
}

const PLAIN: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt']);

/** A statement by itself, within a sink that may hold others' effects. */
function walkTop(statement: unknown, sink: EffectSink, literals: Literals, start: number, secrets: number[]): void {
  const own = new EffectSink();
  walkStatement(statement, own, literals, start, secrets);
  const top = tagged(statement);
  // A query that reads no relation still is one: `SELECT 1`, `SELECT now()`.
  if (top?.tag === 'SelectStmt' && !own.has('select')) own.bare('select', own.size === 0 ? { only_constants: true } : {});
  sink.take(own, (effect) => effect);
}

/** What runs by a name is recorded with the whole text that gave the name, so it carries that text's redaction. */
function analyseInner(statement: unknown, bytes: Buffer, redacted: string | null): Analysis {
  const sink = new EffectSink();
  walkTop(statement, sink, new Literals(bytes), 0, []);
  const { inner: _none, ...form } = statementInfo(statement);
  return freeze(sink, [{ ...form, inner: null }], redacted, false);
}

function freeze(sink: EffectSink, statements: readonly StatementInfo[], redacted: string | null, shareable: boolean): Analysis {
  const effects = sink.effects();
  const facts: Facts = Object.freeze({ effects, unknown: sink.reasons(), summary: summarise(effects), redacted });
  noteUses(facts, sink.uses());
  return Object.freeze({ facts, statements, shareable, transient: false });
}

/** The server's message quotes the text, so it is left out when the text may hold a secret. */
function invalid(message: string, redacted: string | null): Analysis {
  return unknown(redacted === null ? `does not parse: ${message}` : 'does not parse', { syntax_error: true }, redacted);
}

function unknown(reason: string, facts: Readonly<Record<string, boolean>>, redacted: string | null, transient = false): Analysis {
  const sink = new EffectSink();
  sink.unknown(reason, facts);
  return { ...freeze(sink, [], redacted, false), transient };
}
