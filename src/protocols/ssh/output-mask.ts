/**
 * What a program says, looked through for sensitive values while it streams: the record gets it with all of them hidden, the client as it is or
 * with those hidden that policy hides there. A value may be cut by chunks, and coloured. For a terminal the end of what may become one (256 bytes at
 * most) waits for what follows; sequences of the terminal keep their place, and none is cut. Where no terminal waits for a prompt, whole lines are
 * (64 KiB at most of each stream): then what is hidden does not depend on how the bytes came. A mask that fails gives nothing any more.
 */
import type { TextMasks } from '../../contract/masking-policy.js';
import type { Guard } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';

/** What of a piece goes where. `shown` is the piece itself where nothing is hidden from the client. */
interface Split {
  readonly shown: Buffer;
  readonly recorded: Buffer;
}

type Mask = ReturnType<TextMasks['record']>;

const NOTHING = Buffer.alloc(0);

/** One stream of a program: its output, or its errors. */
export class OutputMask {
  readonly #record: Mask;
  /** Null: the client gets what the target sent. */
  readonly #client: Mask | null;
  readonly #wholeLines: boolean;
  #over = false;

  constructor(masks: TextMasks, terminal: boolean, guard: Guard, verdict: Verdict) {
    const delivered = terminal ? 'screen' : 'output';
    this.#record = masks.record(delivered, (how) => guard.masked(verdict, how, 1));
    this.#client = masks[delivered]?.() ?? null;
    this.#wholeLines = !terminal && this.#client !== null;
  }

  /** The client gets other bytes than the target sent. */
  get hides(): boolean {
    return this.#client !== null;
  }

  take(piece: Buffer): Split {
    try {
      const recorded = this.#passed(this.#record, piece);
      return { shown: this.#client === null ? piece : this.#passed(this.#client, piece), recorded };
    } catch (thrown) {
      this.#over = true;
      throw thrown;
    }
  }

  #passed(mask: Mask, piece: Buffer): Buffer {
    const lines = Buffer.from(mask.push(piece));
    const begun = this.#wholeLines ? NOTHING : mask.flush();
    return begun.length === 0 ? lines : Buffer.concat([lines, begun]);
  }

  /** What still waits. Once. */
  end(): Split {
    if (this.#over) return { shown: NOTHING, recorded: NOTHING };
    this.#over = true;
    return { shown: this.#client === null ? NOTHING : Buffer.from(this.#client.end()), recorded: Buffer.from(this.#record.end()) };
  }
}
