/**
 * PostgreSQL's own grammar (libpg-query, WebAssembly) behind two calls: `parse` and `scan`. The text is untrusted. A text that nests too
 * deep ends in a WebAssembly trap, after which the instance's stack is worn: some thirty traps would leave it broken for every session,
 * which is why this module drives the instances itself. A trapped instance is replaced by a spare at once; only while no spare is ready
 * is it used on, and only for a few more traps. A parser that is gone refuses (`unavailable`), it never guesses.
 */
import createModule from 'libpg-query/wasm/libpg-query.js';
import { GwError } from '../../../contract/gw-error.js';

type PgQuery = Awaited<ReturnType<typeof createModule>>;

/** Traps that one instance may take before it is not used again; each costs some 170 KiB of its stack of 5 MiB. */
const TRAPS_ALLOWED = 8;

export type ParseResult =
  | { readonly kind: 'tree'; readonly statements: readonly unknown[] }
  /** PostgreSQL's own message. */
  | { readonly kind: 'invalid'; readonly message: string }
  /** Too deep for the parser: a property of the text. */
  | { readonly kind: 'too-deep' }
  /** A state of the parser, not of the text: never cached. */
  | { readonly kind: 'unavailable' };

export interface Token {
  /** Byte offsets into the UTF-8 text. */
  readonly start: number;
  readonly end: number;
  readonly tokenName: string;
  /** As written. */
  readonly text: string;
  /** 0: no keyword of the grammar. */
  readonly keywordKind: number;
}

let current: PgQuery | null = null;
let spare: PgQuery | null = null;
let traps = 0;
let preparing: Promise<void> | null = null;

/** Loads the parser (about 30 ms) and a spare. Call once before the first parse; further calls do nothing. */
export async function prepareParser(): Promise<void> {
  current ??= await createModule();
  await prepareSpare();
}

function prepareSpare(): Promise<void> {
  if (spare !== null) return Promise.resolve();
  preparing ??= createModule().then(
    (module) => {
      preparing = null;
      spare = module;
    },
    () => {
      // Out of memory, most likely. The next trap asks again; until then the worn instance serves up to its limit.
      preparing = null;
    },
  );
  return preparing;
}

function trapped(): void {
  traps++;
  if (spare !== null) {
    current = spare;
    spare = null;
    traps = 0;
  } else if (traps >= TRAPS_ALLOWED) {
    current = null;
  }
  void prepareSpare();
}

function instance(): PgQuery | null {
  if (current === null && spare !== null) {
    current = spare;
    spare = null;
    traps = 0;
    void prepareSpare();
  }
  return current;
}

/** Parses `text`, which must hold no NUL (it would end the text there) and be well-formed. Never throws for what the text says. */
export function parse(text: string): ParseResult {
  const module = instance();
  if (module === null) return { kind: 'unavailable' };
  try {
    return parseWith(module, text);
  } catch {
    // A trap (RangeError, WebAssembly.RuntimeError) or an unreadable tree: nothing is known about the text.
    trapped();
    return { kind: 'too-deep' };
  }
}

function parseWith(module: PgQuery, text: string): ParseResult {
  const query = place(module, text);
  const result = module._wasm_parse_query_raw(query);
  if (result === 0) throw new GwError('internal.error', 'The SQL parser is out of memory.');
  const error = module.getValue(result + 8, 'i32');
  const tree = module.getValue(result, 'i32');
  const message = error === 0 ? null : module.UTF8ToString(module.getValue(error, 'i32'));
  const json = error === 0 ? module.UTF8ToString(tree) : '';
  module._wasm_free_parse_result(result);
  module._free(query);
  if (message !== null) return { kind: 'invalid', message };
  const parsed: unknown = JSON.parse(json);
  const statements = (parsed as { readonly stmts?: unknown }).stmts;
  return { kind: 'tree', statements: Array.isArray(statements) ? statements : [] };
}

/** The tokens of `text`, or null when it does not lex. */
export function scan(text: string): readonly Token[] | null {
  const module = instance();
  if (module === null) return null;
  try {
    const query = place(module, text);
    const pointer = module._wasm_scan(query);
    const json = module.UTF8ToString(pointer);
    module._wasm_free_string(pointer);
    module._free(query);
    // The module answers a text that does not lex with a message instead of JSON.
    if (!json.startsWith('{')) return null;
    return (JSON.parse(json) as { readonly tokens?: readonly Token[] }).tokens ?? [];
  } catch {
    trapped();
    return null;
  }
}

function place(module: PgQuery, text: string): number {
  const size = module.lengthBytesUTF8(text) + 1;
  const pointer = module._malloc(size);
  if (pointer === 0) throw new GwError('internal.error', 'The SQL parser is out of memory.');
  module.stringToUTF8(text, pointer, size);
  return pointer;
}
