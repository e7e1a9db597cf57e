/**
 * What a program says, looked through for sensitive values while it streams: the record gets it with all of them hidden, the client as it is or
 * with those hidden that policy hides on the screen. A value may be cut by chunks, and coloured: the end of what may become one (256 bytes at
 * most) waits for what follows. Sequences of the terminal keep their place, and none is cut.
 */
import type { TextMasks } from '../../contract/masking-policy.js';
import type { Guard } from '../../contract/protocol.js';
import type { Verdict } from '../../contract/verdict.js';

/** What of a piece goes where. `shown` is the piece itself where nothing is hidden from the client. */
interface Split {
  readonly shown: Buffer;
  readonly recorded: Buffer;
}

type Mask = NonNullable<ReturnType<TextMasks['record']>>;

/** One stream of a program: its output, or its errors. */
export class OutputMask {
  readonly #record: Mask;
  readonly #screen: Mask | null;
  #over = false;

  /** `terminal`: there is a screen; bytes that are not for one are left to the programs that exchange them. */
  constructor(masks: TextMasks, terminal: boolean, guard: Guard, verdict: Verdict) {
    this.#record = masks.record(terminal, (how) => guard.masked(verdict, how, 1));
    this.#screen = terminal ? (masks.screen?.() ?? null) : null;
  }

  /** The client gets other bytes than the target sent. */
  get screens(): boolean {
    return this.#screen !== null;
  }

  take(piece: Buffer): Split {
    const recorded = passed(this.#record, piece);
    return { shown: this.#screen === null ? piece : passed(this.#screen, piece), recorded };
  }

  /** What still waits. Once. */
  end(): Split {
    const nothing = Buffer.alloc(0);
    if (this.#over) return { shown: nothing, recorded: nothing };
    this.#over = true;
    return { shown: this.#screen === null ? nothing : Buffer.from(this.#screen.end()), recorded: Buffer.from(this.#record.end()) };
  }
}

function passed(mask: Mask, piece: Buffer): Buffer {
  const lines = Buffer.from(mask.push(piece));
  const begun = mask.flush();
  return begun.length === 0 ? lines : Buffer.concat([lines, begun]);
}
