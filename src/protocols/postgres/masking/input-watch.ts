/**
 * Watches the rows of a COPY … FROM STDIN into a table of hidden data for values that gw put in the place of others: they would overwrite the
 * real ones. Looks at the bytes as they come, across the borders of messages; stars and tokens stand in all three formats as they are.
 */
import type { MaskingDoor } from '../../../contract/masking-policy.js';

/** Longer than any token that could be cut in two. */
const TAIL = 128;
const STARS = Buffer.from('***');
const TOKEN = Buffer.from('tok_');

export class InputWatch {
  readonly #door: MaskingDoor;
  #tail: Buffer = Buffer.alloc(0);

  constructor(door: MaskingDoor) {
    this.#door = door;
  }

  /** True: these bytes, with those before them, hold such a value. */
  finds(data: Uint8Array): boolean {
    const bytes = Buffer.concat([this.#tail, data]);
    this.#tail = Buffer.from(bytes.subarray(Math.max(0, bytes.length - TAIL)));
    if (bytes.includes(STARS)) return true;
    for (let at = bytes.indexOf(TOKEN); at >= 0; at = bytes.indexOf(TOKEN, at + 1))
      if (this.#door.isMasked(bytes.toString('latin1', at, at + TAIL))) return true;
    return false;
  }
}
