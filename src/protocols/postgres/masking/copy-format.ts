/**
 * How the rows of a COPY are written that go to the client or come from there, out of the statement (PostgreSQL documentation, COPY). Null: in a way
 * that cannot be read, so such a COPY of hidden columns is refused.
 */
import { as, field, list, struct, type Tree, text } from '../facts/tree.js';

export interface CopyFormat {
  readonly kind: 'text' | 'csv' | 'binary';
  readonly delimiter: number;
  /** What stands for NULL. */
  readonly nullText: Buffer;
  readonly header: boolean;
  readonly quote: number;
  readonly escape: number;
}

/** Options that change nothing of how fields are told apart, and those that are read. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['format', 'delimiter', 'null', 'header', 'quote', 'escape', 'force_quote', 'encoding', 'oids', 'freeze'],
  ...['force_not_null', 'force_null', 'default', 'on_error', 'reject_limit', 'log_verbosity'],
]);

export function copyFormat(statement: Tree): CopyFormat | null {
  const options = new Map<string, string | null>();
  for (const item of list(statement, 'options')) {
    const element = as(item, 'DefElem') ?? {};
    options.set(text(element, 'defname') ?? '', wordOf(field(element, 'arg')));
  }
  if ([...options.keys()].some((name) => !KNOWN.has(name))) return null;
  const encoding = options.get('encoding');
  if (encoding !== undefined && !/^utf-?8$/i.test(encoding ?? '')) return null;
  const kind = (options.get('format') ?? 'text').toLowerCase();
  if (kind !== 'text' && kind !== 'csv' && kind !== 'binary') return null;
  const delimiter = oneByte(options.get('delimiter') ?? (kind === 'csv' ? ',' : '\t'));
  const quote = oneByte(options.get('quote') ?? '"');
  const escaping = options.has('escape') ? oneByte(options.get('escape') ?? '"') : quote;
  if (delimiter === null || quote === null || escaping === null) return null;
  const header = options.has('header') && !['false', 'off', '0'].includes((options.get('header') ?? 'true').toLowerCase());
  return { kind, delimiter, nullText: Buffer.from(options.get('null') ?? (kind === 'csv' ? '' : '\\N')), header, quote, escape: escaping };
}

/** A constant option; null: it has no argument. */
function wordOf(argument: unknown): string | null {
  for (const [tag, key] of [
    ['String', 'sval'],
    ['Float', 'fval'],
  ] as const) {
    const node = as(argument, tag);
    if (node !== null) return text(node, key) ?? '';
  }
  const boolean = as(argument, 'Boolean');
  if (boolean !== null) return field(boolean, 'boolval') === true ? 'true' : 'false';
  const integer = as(argument, 'Integer');
  if (integer !== null) return String(field(integer, 'ival') ?? 0);
  return struct({ argument }, 'argument') === null ? null : '';
}

function oneByte(value: string): number | null {
  const bytes = Buffer.from(value);
  return bytes.length === 1 ? (bytes[0] ?? null) : null;
}
