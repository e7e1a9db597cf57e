/**
 * A YAML file with positions. Reads at most 1 MiB, refuses what makes YAML dangerous or ambiguous (duplicate keys, alias bombs, unknown
 * tags, several documents, text that is not UTF-8), and finds line and column of any path, so that every later complaint can point at
 * its cause. The file belongs to an administrator, yet a mistake in it must never end in a crash or an endless loop.
 */
import { open } from 'node:fs/promises';
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml';

const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 100;
const TOO_DEEP = 'is nested too deeply to be read';

export type ConfigPath = readonly (string | number)[];

/** One complaint about the file. `line` and `column` count from 1. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  /** `targets[0].address`, or the empty string for the whole file. */
  readonly path: string;
  readonly message: string;
}

export interface YamlSource {
  readonly value: unknown;
  /** Problem with position of the value at `path`, or of its nearest ancestor that is in the file. */
  at(path: ConfigPath, message: string): Problem;
  /** The same for the key itself instead of its value. */
  atKey(path: ConfigPath, message: string): Problem;
}

export type YamlResult = { readonly source: YamlSource; readonly problems: readonly [] } | { readonly source: null; readonly problems: readonly Problem[] };

/** `['targets', 0, 'address']` → `targets[0].address`. */
function pathText(path: ConfigPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

const whole = (message: string): YamlResult => ({ source: null, problems: [{ line: 1, column: 1, path: '', message }] });

/** Reads and parses `file`. Whatever is wrong with it comes back as problems; nothing is thrown. */
export async function readYamlSource(file: string): Promise<YamlResult> {
  const buffer = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  try {
    const handle = await open(file, 'r');
    try {
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) break;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    return whole(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (length > MAX_BYTES) return whole('is larger than 1 MiB, which no gateway configuration needs');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length));
  } catch {
    return whole('is not valid UTF-8 text');
  }
  return parseYamlSource(text);
}

function parseYamlSource(text: string): YamlResult {
  const counter = new LineCounter();
  const position = (offset: number): { line: number; column: number } => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: counter, uniqueKeys: true, strict: true, version: '1.2', prettyErrors: false, logLevel: 'error' });
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) {
      return {
        source: null,
        problems: faults.slice(0, 50).map((fault) => ({ ...position(fault.pos[0]), path: '', message: yamlFault(fault.code, fault.message) })),
      };
    }
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // An alias bomb ends in a ReferenceError, a file of a million brackets in a RangeError.
    return whole(error instanceof ReferenceError ? `is refused: ${error.message.toLowerCase()}` : TOO_DEEP);
  }
  const problem = (path: ConfigPath, message: string, key: boolean): Problem => ({
    ...position(locate(document, path, key)),
    path: pathText(path),
    message,
  });
  return { source: { value, at: (path, message) => problem(path, message, false), atKey: (path, message) => problem(path, message, true) }, problems: [] };
}

function yamlFault(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'the same key is given twice; only one of them could count';
  if (code === 'MULTIPLE_DOCS') return 'the file holds more than one YAML document; keep one';
  if (message.includes('call stack')) return TOO_DEEP; // the parser recurses, and reports that it fell
  return message.replaceAll('\n', ' ').trim();
}

/** Offset of the value (or key) at `path`; where the path leaves the file, that of the last thing that is there. */
function locate(document: Document.Parsed, path: ConfigPath, key: boolean): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document) ?? null;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (pair === undefined) return offset;
      const keyOffset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      if (key && depth === path.length - 1) return keyOffset;
      const next = isNode(pair.value) ? pair.value : null;
      // A missing key inside a block map is best shown at the key that opens the map, not at the map's first entry.
      offset = next === null || depth < path.length - 1 || isMap(next) || isSeq(next) ? keyOffset : (next.range?.[0] ?? keyOffset);
      node = next;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(part)];
      if (!isNode(item)) return offset;
      node = item;
      offset = item.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}
