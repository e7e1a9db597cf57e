/**
 * The items of a session as a story: operations in the order in which they were asked for, each with the events that speak of it. A record gives
 * operations as they end; a refused one ends at once, before those that still run. What is held back is bounded: past that, operations come
 * as they are.
 */
import type { RecordedOperation } from '../recorded.js';
import type { LiveItem } from '../say-when-live.js';

export interface StoryEvent {
  readonly time: number;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export type StoryItem =
  | Exclude<LiveItem, { readonly kind: 'operation' }>
  | { readonly kind: 'operation'; readonly operation: RecordedOperation; readonly events: readonly StoryEvent[] };

const HELD_OPERATIONS = 1_000;
const HELD_EVENTS = 10_000;
const HELD_BYTES = 32 << 20;

export async function* tellSession(items: AsyncIterable<LiveItem>): AsyncGenerator<StoryItem, void> {
  const teller = new Teller();
  for await (const item of items) yield* teller.take(item);
}

class Teller {
  readonly #operations = new Map<number, RecordedOperation>();
  readonly #events = new Map<number, StoryEvent[]>();
  #heldEvents = 0;
  #bytes = 0;
  #next = 1;

  *take(item: LiveItem): Generator<StoryItem, void> {
    if (item.kind === 'operation') {
      this.#operations.set(item.operation.sequence, item.operation);
      this.#bytes += sizeOf(item.operation);
      yield* this.#inOrder();
    } else if (item.kind === 'event') {
      const { operation } = item.data;
      if (typeof operation === 'number' && operation >= this.#next && this.#heldEvents < HELD_EVENTS) {
        this.#heldEvents++;
        this.#events.set(operation, [...(this.#events.get(operation) ?? []), item]);
      } else yield item;
    } else {
      // What was written of it before it showed anything is told before that.
      if (item.kind === 'terminal') for (const event of this.#eventsOf(item.sequence)) yield { kind: 'event', ...event };
      if (item.kind === 'end' || item.kind === 'integrity') yield* this.#rest();
      yield item;
    }
  }

  *#inOrder(): Generator<StoryItem, void> {
    for (;;) {
      const operation = this.#operations.get(this.#next);
      if (operation !== undefined) yield this.#tell(operation);
      else if (this.#operations.size > HELD_OPERATIONS || this.#bytes > HELD_BYTES) this.#next = Math.min(...this.#operations.keys());
      else return;
    }
  }

  *#rest(): Generator<StoryItem, void> {
    for (const sequence of [...this.#operations.keys()].sort((one, other) => one - other)) {
      const operation = this.#operations.get(sequence);
      if (operation !== undefined) yield this.#tell(operation);
    }
    for (const events of this.#events.values()) for (const event of events) yield { kind: 'event', ...event };
    this.#events.clear();
  }

  /** They are held no more. */
  #eventsOf(sequence: number): readonly StoryEvent[] {
    const events = this.#events.get(sequence) ?? [];
    this.#events.delete(sequence);
    this.#heldEvents -= events.length;
    return events;
  }

  #tell(operation: RecordedOperation): StoryItem {
    const { sequence } = operation;
    const events = this.#eventsOf(sequence);
    this.#operations.delete(sequence);
    this.#bytes -= sizeOf(operation);
    // One that comes late, behind its place, does not turn the count back.
    this.#next = Math.max(this.#next, sequence + 1);
    return { kind: 'operation', operation, events };
  }
}

const sizeOf = ({ exact, parameters, delivered, received }: RecordedOperation): number =>
  exact.length + (parameters?.length ?? 0) + delivered.bytes.length + received.bytes.length;
