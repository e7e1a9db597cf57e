/**
 * The events of a replay, any number of them, in bounded memory: while they are few they are there, beyond that in a file of this process
 * (`unnamed-file.ts`), and memory holds the part that is shown and an index.
 */
import { countWhile } from '../../base/count-while.js';
import type { TerminalSize } from './keyframes.js';
import { type Place, UnnamedFile } from './unnamed-file.js';

/** `at`: milliseconds from the beginning. */
export type CastEvent =
  | { readonly at: number; readonly kind: 'output' | 'marker'; readonly text: string }
  | ({ readonly at: number; readonly kind: 'resize' } & TerminalSize);

export interface CastEventsOptions {
  /** Private to the user; for the file. */
  readonly dir: string;
  /** Longest time in which nothing happens: what is longer is shortened; null: as it was. */
  readonly idle?: number | null;
  /** Characters in memory beyond which the file is used; characters of a part; parts at most. */
  readonly inMemory?: number;
  readonly partSize?: number;
  readonly parts?: number;
}

/** Events that are read together. */
interface Part {
  /** Events in front of it, and in it. */
  readonly first: number;
  readonly count: number;
  /** Time of its last event. */
  readonly last: number;
  readonly hasMarker: boolean;
  /** A line for each event. */
  readonly lines: string | Place;
}

const IN_MEMORY = 32 << 20;
const PART = 64 << 10;
const PARTS = 16 << 10;

export class CastEvents {
  readonly #options: Required<CastEventsOptions>;
  #parts: Part[] = [];
  #file: UnnamedFile | null = null;
  #inMemory = 0;
  /** Lines of the part that is being made, and whether a marker is among them. */
  #lines = '';
  #hasMarker = false;
  /** Time that was left out so far, and the time of the event before as it was. */
  #shift = 0;
  #before = 0;
  /** What was read last. */
  #read: { readonly part: Part; readonly events: readonly CastEvent[] } | null = null;
  #count = 0;
  #length = 0;

  constructor({ dir, idle = null, inMemory = IN_MEMORY, partSize = PART, parts = PARTS }: CastEventsOptions) {
    this.#options = { dir, idle, inMemory, partSize, parts };
  }

  get count(): number {
    return this.#count;
  }

  /** Time of the last one. */
  get length(): number {
    return this.#length;
  }

  /** The next one, in the order of time; they can be read after `end`. @throws GwError `recording.local` where there is no room for it */
  add(event: CastEvent): void {
    const { idle, partSize } = this.#options;
    const pause = event.at - this.#before;
    if (idle !== null && pause > idle) this.#shift += pause - idle;
    this.#before = event.at;
    this.#length = event.at - this.#shift;
    this.#lines += `${JSON.stringify({ ...event, at: this.#length })}\n`;
    this.#hasMarker ||= event.kind === 'marker';
    this.#count++;
    if (this.#lines.length >= partSize) this.end();
  }

  /** There are no more. @throws GwError `recording.local` */
  end(): void {
    if (this.#lines === '') return;
    const before = this.#parts.at(-1);
    const first = before === undefined ? 0 : before.first + before.count;
    const lines = this.#file?.write(this.#lines) ?? this.#lines;
    this.#parts.push({ first, count: this.#count - first, last: this.#length, hasMarker: this.#hasMarker, lines });
    if (this.#file === null) this.#inMemory += this.#lines.length;
    this.#lines = '';
    this.#hasMarker = false;
    if (this.#inMemory > this.#options.inMemory) this.#toFile();
    if (this.#parts.length > this.#options.parts) this.#join();
  }

  #toFile(): void {
    this.#inMemory = 0;
    this.#file = new UnnamedFile(this.#options.dir);
    for (const [at, part] of this.#parts.entries()) if (typeof part.lines === 'string') this.#parts[at] = { ...part, lines: this.#file.write(part.lines) };
  }

  /** Each two are one: longer to read, and half as many. */
  #join(): void {
    const joined: Part[] = [];
    for (let at = 0; at < this.#parts.length; at += 2) joined.push(...joinedParts(this.#parts.slice(at, at + 2)));
    this.#parts = joined;
  }

  /** @throws GwError `recording.local` when the file cannot be read */
  at(number: number): CastEvent | undefined {
    if (number < 0 || number >= this.#count) return undefined;
    const read = this.#read?.part;
    const part =
      read !== undefined && number >= read.first && number < read.first + read.count
        ? read
        : this.#parts[countWhile(this.#parts, ({ first }) => first <= number) - 1];
    return part === undefined ? undefined : this.#eventsOf(part)[number - part.first];
  }

  /** Number of events up to a time. */
  countUntil(time: number): number {
    const part = this.#parts[countWhile(this.#parts, ({ last }) => last <= time)];
    if (part === undefined) return this.#count;
    const after = this.#eventsOf(part).findIndex(({ at }) => at > time);
    return part.first + after;
  }

  /** The first marker after a time, or the last one before it. */
  markerAfter(time: number): number | null {
    for (const part of this.#parts.slice(countWhile(this.#parts, ({ last }) => last <= time))) {
      const found = part.hasMarker ? this.#eventsOf(part).find(({ kind, at }) => kind === 'marker' && at > time) : undefined;
      if (found !== undefined) return found.at;
    }
    return null;
  }

  markerBefore(time: number): number | null {
    for (const part of this.#parts.slice(0, countWhile(this.#parts, ({ last }) => last < time) + 1).reverse()) {
      const found = part.hasMarker ? this.#eventsOf(part).findLast(({ kind, at }) => kind === 'marker' && at < time) : undefined;
      if (found !== undefined) return found.at;
    }
    return null;
  }

  #eventsOf(part: Part): readonly CastEvent[] {
    if (this.#read?.part === part) return this.#read.events;
    const lines = typeof part.lines === 'string' ? part.lines : (this.#file?.read(part.lines) ?? '');
    const events = lines.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as CastEvent]));
    this.#read = { part, events };
    return events;
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}

/** What is still in memory stays as it is. */
function joinedParts(parts: readonly Part[]): readonly Part[] {
  const [one, other] = parts;
  if (one === undefined || other === undefined || typeof one.lines === 'string' || typeof other.lines === 'string') return parts;
  return [
    {
      first: one.first,
      count: one.count + other.count,
      last: other.last,
      hasMarker: one.hasMarker || other.hasMarker,
      lines: { ...one.lines, bytes: one.lines.bytes + other.lines.bytes },
    },
  ];
}
