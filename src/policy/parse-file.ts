/**
 * YAML text → the file's data with the position of everything in it, or problems. First stage of a load; knows the shape of a policy
 * file but no words of protocols. Files come from the gateway's administrators, yet every size and count is bounded here.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import type { DataPath, Position, Problem } from './problem.js';
import { KEYS, type PolicyFileText, policyFileSchema, RESERVED_EFFECTS, RESERVED_KEYS } from './schema.js';
import { suggestion } from './suggestion.js';

const FILE_LIMIT = 1 << 20;

export interface ParsedFile {
  readonly path: string;
  readonly stem: string;
  readonly data: PolicyFileText;
  /** Position of the value at `path` (or of its key), or of the nearest thing around it. */
  locate(path: DataPath, at?: 'key' | 'value'): Position;
}

export type ParseResult = { readonly file: ParsedFile } | { readonly problems: readonly Problem[] };

/** File name without directory and extension; names its rules. */
function fileStem(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  return name.replace(/\.ya?ml$/, '');
}

/** Finds the position of what stands at a path of the document. */
export function locator(document: Document, lines: LineCounter): ParsedFile['locate'] {
  return (path, at = 'value') => {
    let node: unknown = document.contents;
    let found: unknown = node;
    for (const [index, step] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) break;
        found = index === path.length - 1 && at === 'key' ? pair.key : (pair.value ?? pair.key);
        node = pair.value;
      } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
        node = node.items[step];
        found = node;
      } else break;
    }
    const range = (found as Node | null)?.range;
    const position = lines.linePos(range?.[0] ?? 0);
    return { line: Math.max(1, position.line), column: Math.max(1, position.col) };
  };
}

/** Keys allowed where an unknown one was found, by the path of the mapping around it. */
function keysAt(path: DataPath): readonly string[] {
  const last = path.at(-1);
  if (last === undefined) return KEYS.file;
  if (typeof last === 'number') return path.at(-2) === 'rules' ? KEYS.rule : path.at(-2) === 'masks' ? KEYS.mask : keysAt(path.slice(0, -1));
  if (path.at(-2) === 'tiers') return KEYS.tier;
  if (path.length === 2 && path[0] === 'classes') return KEYS.class;
  if (path.length === 2 && path[0] === 'data') return KEYS.tag;
  return Object.hasOwn(KEYS, last) ? KEYS[last as keyof typeof KEYS] : [];
}

/**
 * Of a value that may be written in two ways (one, or a list of them): what is wrong with the way that was meant, when that can be told.
 */
function meantIssues(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.filter((branch) => !branch.some((each) => each.path.length === 0 && each.code === 'invalid_type'));
  const [only] = meant;
  if (meant.length !== 1 || only === undefined) return [issue];
  return only.flatMap((each) => meantIssues({ ...each, path: [...issue.path, ...each.path] }));
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

/** The value at a path of plain data; undefined when there is none. */
function valueAt(data: unknown, path: DataPath): unknown {
  let value = data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  const name = issue.path.length === 0 ? 'the file' : `\`${String(issue.path.findLast((step) => typeof step === 'string') ?? '')}\``;
  const given = typeof value === 'string' ? `\`${value.slice(0, 80)}\`` : JSON.stringify(value);
  switch (issue.code) {
    case 'invalid_type':
      if (value === undefined) return `${name} is missing`;
      if (issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
        return `${name} must be text: put ${String(value)} in quotes`;
      return `${name} must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      if (value === undefined) return `${name} is missing; it must be ${issue.values.map((each) => `\`${String(each)}\``).join(' or ')}`;
      if (typeof value === 'string' && name === '`effect`' && RESERVED_EFFECTS.has(value)) {
        return `effect ${given} is not supported in this version of gw; it may be \`allow\`, \`deny\`, \`require_approval\` or \`warn\``;
      }
      return `${name} cannot be ${given ?? 'this'}${typeof value === 'string' ? suggestion(value, issue.values.map(String)) : `; it must be ${issue.values.map(String).join(' or ')}`}`;
    case 'too_small':
      if (issue.origin === 'number') return `${name} must be at least ${String(issue.minimum)}`;
      return issue.origin === 'array' ? `${name} is an empty list, which would match nothing; leave the key out, or name something` : `${name} is empty`;
    case 'too_big':
      if (issue.origin === 'number') return `${name} must be at most ${String(issue.maximum)}`;
      return `${name} is too long: at most ${String(issue.maximum)}`;
    case 'invalid_union':
      return `${name} must be a single value or a list of values${typeof value === 'number' || typeof value === 'boolean' ? `: put ${String(value)} in quotes` : ''}`;
    case 'invalid_format':
    case 'custom':
      return `${name} ${issue.message}`;
    default:
      return `${name}: ${issue.message}`;
  }
}

/** What is wrong with the value at a path, in words. */
export function wordIssue(issue: z.core.$ZodIssue, data: unknown, path: DataPath): string {
  return describeIssue(issue, valueAt(data, path));
}

/** Parses one file. Never throws. */
export function parsePolicyFile(path: string, text: string): ParseResult {
  const fail = (message: string, position: Position = { line: 1, column: 1 }): ParseResult => ({ problems: [{ path, message, ...position }] });
  if (text.length > FILE_LIMIT) return fail(`the file is larger than ${FILE_LIMIT} characters`);
  const stem = fileStem(path);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(stem))
    return fail('the name of a policy file names its rules: use at most 64 letters, digits, dots, hyphens and underscores');

  const lines = new LineCounter();
  let data: unknown;
  let document: Document;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', uniqueKeys: true });
    const complaints = [...document.errors, ...document.warnings].map((complaint) => ({ message: complaint.message, at: complaint.pos[0] }));
    const root = document;
    visit(document, {
      Pair: (_key, pair) => {
        // JavaScript would drop it without a word, and with it a restriction that somebody wrote.
        if (isScalar(pair.key) && pair.key.value === '__proto__')
          complaints.push({ message: '`__proto__` cannot be used as a key', at: pair.key.range?.[0] ?? 0 });
      },
      Alias: (_key, node) => {
        if (node.resolve(root) === undefined)
          complaints.push({ message: `there is no anchor \`&${node.source}\` before this alias`, at: node.range?.[0] ?? 0 });
      },
    });
    if (complaints.length > 0) {
      return {
        problems: complaints.map((complaint) => {
          const position = lines.linePos(complaint.at);
          return { path, message: complaint.message, line: Math.max(1, position.line), column: Math.max(1, position.col) };
        }),
      };
    }
    data = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return fail(`the YAML could not be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const locate = locator(document, lines);
  const parsed = policyFileSchema.safeParse(data);
  if (parsed.success) return { file: { path, stem, data: parsed.data, locate } };

  const problems: Problem[] = [];
  for (const issue of parsed.error.issues.flatMap(meantIssues)) {
    const where = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const reserved = RESERVED_KEYS.has(key);
        const message = reserved ? `\`${key}\` is not supported in this version of gw` : `unknown key \`${key}\`${suggestion(key, keysAt(where))}`;
        problems.push({ path, message, ...locate([...where, key], 'key') });
      }
    } else {
      problems.push({ path, message: describeIssue(issue, valueAt(data, where)), ...locate(where) });
    }
  }
  return { problems };
}
