/**
 * Watches the rows of a COPY … FROM STDIN into a table of hidden data for values that gw put in the place of others: they would overwrite the
 * real ones. Stars and tokens of texts are found wherever they stand; tokens of integers and UUIDs look like values, so they are looked for in
 * the fields of hidden columns alone. Looks at the bytes as they come, across the borders of messages.
 */
import type { MaskingDoor } from '../../../contract/masking-policy.js';
import type { CopyFormat } from './copy-format.js';
import { type CopyInput, copyInput } from './copy-input.js';
import type { FieldKind } from './field-kind.js';

/** Longer than any token that could be cut in two. */
const TAIL = 128;
const STARS = Buffer.from('***');
const TOKEN = Buffer.from('tok_');

/** Of each field of a row: what the hidden columns are that it may be meant for. */
export type WatchedFields = readonly (readonly FieldKind[])[];

export class InputWatch {
  readonly #door: MaskingDoor;
  readonly #input: CopyInput;
  #tail: Buffer = Buffer.alloc(0);

  constructor(door: MaskingDoor, format: CopyFormat, fields: WatchedFields) {
    this.#door = door;
    const binary = format.kind === 'binary';
    this.#input = copyInput(format, {
      asks: (index) => (fields[index]?.length ?? 0) > 0,
      field: (index, value) => (fields[index] ?? []).some((kind) => this.#isMasked(kind, binary ? kind.read(value) : value)),
    });
  }

  /** True: these bytes, with those before them, hold such a value. */
  finds(data: Uint8Array): boolean {
    const bytes = Buffer.concat([this.#tail, data]);
    this.#tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - TAIL)));
    if (bytes.includes(STARS)) return true;
    for (let at = bytes.indexOf(TOKEN); at >= 0; at = bytes.indexOf(TOKEN, at + 1))
      if (this.#door.isMasked(bytes.toString('latin1', at, at + TAIL), 'text')) return true;
    return this.#input.push(Buffer.from(data.buffer, data.byteOffset, data.length));
  }

  #isMasked({ kind }: FieldKind, text: Uint8Array | null): boolean {
    if (text === null) return false;
    const words = Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8');
    return kind === 'integer' || kind === 'uuid'
      ? this.#door.isMasked(words.trim(), kind)
      : (kind === 'text' || kind === 'json') && this.#door.isMasked(words, 'text');
  }
}
