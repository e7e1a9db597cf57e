/**
 * Walks the whole stream of one worker, segment after segment, and checks what ties it together: headers, numbers, the chain across
 * segments, seals. Gives frames and, in place, what is wrong. Input is untrusted; memory is bounded by one frame and one footer. A live
 * journal can be walked while it is written: then an end that is missing is no problem.
 */
import { join } from 'node:path';
import { isUnused, listSegments, prunedThrough, segmentExists, segmentName } from './journal-directory.js';
import type { SegmentFooter, SegmentHeader } from './segment-layout.js';
import { type CommitFrame, SegmentReader } from './segment-reader.js';

/** Stable words for what can be wrong with a journal. */
export type ProblemCode =
  | 'segment-missing'
  | 'segment-header'
  | 'segment-link'
  | 'chain-broken'
  | 'torn-tail'
  | 'not-sealed'
  | 'seal-wrong'
  | 'after-final'
  | 'entry-unreadable'
  | 'counter-gap'
  | 'session-unknown'
  | 'end-missing'
  | 'end-wrong'
  | 'too-large'
  /** Nothing is wrong with the journal; its content was erased. */
  | 'content-erased'
  /** The content cannot be had with the keys that are here. */
  | 'content-locked';

export interface JournalProblem {
  readonly code: ProblemCode;
  readonly bootId: string;
  readonly segment: number;
  /** Offset in the segment's file; 0 when the whole is meant. */
  readonly offset: number;
  /** Number of the session within the journal, or null. */
  readonly session: number | null;
  readonly message: string;
}

export type WalkItem =
  | { readonly kind: 'segment'; readonly number: number; readonly header: SegmentHeader }
  | { readonly kind: 'frame'; readonly segment: number; readonly frame: CommitFrame }
  | { readonly kind: 'seal'; readonly segment: number; readonly offset: number; readonly footer: SegmentFooter }
  | { readonly kind: 'problem'; readonly problem: JournalProblem };

export interface WalkOptions {
  readonly dir: string;
  readonly bootId: string;
  /** The writer still runs. */
  readonly live: boolean;
  /** Of a live journal, when all that it holds has been given: waits for more. False: the walk ends there, as it does without this. */
  readonly more?: (() => Promise<boolean>) | undefined;
}

export async function* walkJournal(options: WalkOptions): AsyncGenerator<WalkItem, void> {
  const { bootId, live } = options;
  const directory = join(options.dir, bootId);
  const problem = (code: ProblemCode, segment: number, offset: number, message: string): WalkItem => ({
    kind: 'problem',
    problem: { code, bootId, segment, offset, session: null, message },
  });
  const pruned = await prunedThrough(directory);
  const numbers = (await listSegments(directory)).filter((number) => number > pruned);
  const last = numbers.at(-1) ?? 0;
  if (last === 0 && !(await isUnused(directory))) yield problem('segment-missing', pruned + 1, 0, 'there is no segment');
  let previous: Buffer | null = pruned === 0 ? Buffer.alloc(32) : null;
  let final = false;
  let expected = pruned + 1;
  for (let i = 0; i < numbers.length || (await segmentExists(directory, expected)); i++) {
    const number = numbers[i] ?? expected;
    if (final) yield problem('after-final', number, 0, 'there is a segment after the one sealed as final');
    if (number !== expected) {
      yield problem(
        'segment-missing',
        expected,
        0,
        number === expected + 1 ? `segment ${expected} is missing` : `segments ${expected} to ${number - 1} are missing`,
      );
      previous = null;
    }
    expected = number + 1;
    let reader: SegmentReader | string | null;
    // The newest segment of a live journal may be in the making: it is there before its header is.
    do reader = await SegmentReader.open(join(directory, segmentName(number))).catch(absent);
    while (typeof reader === 'string' && live && number >= last && (await options.more?.()) === true);
    if (reader === null) {
      yield problem('segment-missing', number, 0, `segment ${number} is missing`);
      previous = null;
      continue;
    }
    if (typeof reader === 'string') {
      if (!live || number < last) yield problem('segment-header', number, 0, reader);
      previous = null;
      continue;
    }
    try {
      const { header } = reader;
      if (header.segment !== number || header.bootId !== bootId) yield problem('segment-link', number, 0, 'the header belongs to another segment or worker');
      if (previous !== null && !header.previous.equals(previous)) yield problem('segment-link', number, 0, 'the header does not continue the segment before');
      yield { kind: 'segment', number, header };
      let sealed = false;
      for (let again = false; ; ) {
        const item = await reader.next();
        if (item.kind === 'frame') yield { kind: 'frame', segment: number, frame: item };
        else if (item.kind === 'seal') {
          sealed = true;
          final = item.footer.final;
          yield { kind: 'seal', segment: number, offset: item.offset, footer: item.footer };
        } else if (item.kind === 'broken') {
          yield problem('chain-broken', number, item.offset, item.problem);
          break;
        } else {
          // Once a next segment exists nothing but the seal comes to this one: look a last time, then go on.
          if (live && !sealed && !again && (await segmentExists(directory, number + 1))) {
            again = true;
            continue;
          }
          if (live && !sealed && !again && (await options.more?.()) === true) continue;
          if (item.kind === 'partial' && !live) yield problem('torn-tail', number, item.offset, 'the last frame is incomplete');
          else if (!sealed && !live) yield problem('not-sealed', number, item.offset, 'the segment is not sealed');
          break;
        }
      }
      previous = reader.chain;
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  }
  if (!live && !final && last > 0) yield problem('not-sealed', last, 0, 'the journal does not end with a final seal: its end may be missing');
}

function absent(thrown: unknown): null {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
  throw thrown;
}
