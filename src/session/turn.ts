/**
 * The turn: what all sessions of this process have decided in one round of the event loop goes into the journal with one write, and only
 * then leaves the gateway, in both directions (design section 7). To `strict` targets it leaves when it is on the disk, and from `full` ones as well.
 *
 * Order is the invariant: decide → append → commit → release. A commit that fails releases nothing, and every session that waited is ended.
 */
import { Crowd } from '../base/crowd.js';
import { GwError } from '../contract/gw-error.js';
import type { Journal } from '../contract/recording.js';

/**
 * Milliseconds. While one session alone keeps this process busy, turn after turn within this time, the loop polls in between instead of
 * sleeping: to wake a process costs more than an operation takes here, above all on a virtual machine (a fifth of the throughput of a
 * single busy client, measured). Where several sessions are busy there is nearly always something to do, and the processor belongs to
 * the clients and servers. When the next turn does not come in that time the process sleeps, so a quiet gateway burns nothing.
 */
const WAKEFUL = 0.1;

/**
 * Milliseconds. A session counts as alone when no other had a turn for this long. Turns of one member each are not enough: a few busy
 * sessions that take turns would have the process poll while their own servers wait for the processor (measured with two workers and
 * eight clients on two cores: 47 to 104 µs of this process for each operation instead of 36).
 */
const ALONE = 10;

/** Milliseconds between two looks at how crowded the machine is. */
const LOOK = 250;
/** Runnable processes for each core: beyond this, polling takes the processor from those that the session waits for. */
const CROWDED = 2;

/** A session as the turn sees it. */
export interface TurnMember {
  readonly strict: boolean;
  /**
   * Strict: what is queued now is committed, and what need not be on the disk may leave. True: something waits for the disk; `release` follows when it is
   * there, and may send nothing that was queued after this.
   */
  seal(): boolean;
  /** Sends what was queued. The journal holds all that it says. */
  release(): void;
  /** The journal could not be written: nothing queued may leave. */
  failed(error: GwError): void;
}

export class Turn {
  readonly #journal: Journal;
  #members: TurnMember[] = [];
  #spare: TurnMember[] = [];
  #scheduled = false;
  #lastTurn = 0;
  /** The session that had the last turn to itself. */
  #alone: TurnMember | null = null;
  /** When the last turn ended that this session did not have to itself. */
  #shared = Number.NEGATIVE_INFINITY;
  #awakeUntil = 0;
  readonly #crowd = new Crowd(LOOK);
  #polling = false;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** `member` has something to send. Call once per turn and member. */
  join(member: TurnMember): void {
    this.#members.push(member);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#end);
    }
  }

  /** Ends the turn now, because bytes are at hand that must leave before their buffer is used again. */
  endNow(): void {
    this.#finish();
  }

  readonly #end = (): void => {
    this.#scheduled = false;
    const alone = this.#members.length === 1 ? (this.#members[0] ?? null) : null;
    this.#finish();
    this.#stayAwake(alone);
  };

  #stayAwake(alone: TurnMember | null): void {
    const before = this.#alone;
    this.#alone = alone;
    const now = performance.now();
    if (alone === null || alone !== before) this.#shared = now;
    else if (now - this.#lastTurn < WAKEFUL && now - this.#shared > ALONE && this.#crowd.perCore(now) <= CROWDED) {
      this.#awakeUntil = now + WAKEFUL;
      if (!this.#polling) {
        this.#polling = true;
        setImmediate(this.#poll);
      }
    }
    this.#lastTurn = now;
  }

  /** An immediate that waits makes the event loop look at its sockets without sleeping. */
  readonly #poll = (): void => {
    if (performance.now() < this.#awakeUntil) setImmediate(this.#poll);
    else this.#polling = false;
  };

  #finish(): void {
    const members = this.#members;
    this.#members = this.#spare;
    this.#spare = members;
    let failure: GwError | null = null;
    try {
      this.#journal.commit();
    } catch (error) {
      failure = GwError.from(error);
    }
    let strict: TurnMember[] | null = null;
    for (const member of members) {
      if (failure !== null) member.failed(failure);
      else if (!member.strict) member.release();
      else if (member.seal()) (strict ??= []).push(member);
    }
    members.length = 0;
    if (strict !== null) this.#releaseSynced(strict);
  }

  #releaseSynced(members: TurnMember[]): void {
    this.#journal.synced().then(
      () => {
        for (const member of members) member.release();
      },
      (error: unknown) => {
        for (const member of members) member.failed(GwError.from(error));
      },
    );
  }
}
