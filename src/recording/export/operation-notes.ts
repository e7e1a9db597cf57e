/** What people read beside an operation: how it was decided, by whom it was approved, what was masked, what became of it. One line each. */
import { counted } from '../../base/counted.js';
import { visible } from '../../base/visible-text.js';
import type { RecordedOperation, RecordedStream } from '../recorded.js';
import type { StoryEvent } from './tell-session.js';

/** Nothing of it was carried out. */
export function wasRefused({ decision, outcome }: RecordedOperation): boolean {
  return outcome === null ? decision?.effect !== 'allow' : outcome.status === 'refused';
}

/** `allow by base/read, ok, 3 rows, 1.2 ms`. */
export function verdictNote(operation: RecordedOperation): string {
  const { decision, outcome } = operation;
  if (decision === null) return 'its decision cannot be read';
  const by = decision.rule === null ? 'without a rule' : `by ${visible(decision.rule)}`;
  if (outcome === null) {
    if (decision.effect === 'allow') return `allow ${by}, no outcome recorded`;
    return `refused ${by}${decision.reasons.length === 0 ? '' : `: ${decision.reasons.map(visible).join('; ')}`}`;
  }
  const words = outcome.status === 'ok' || outcome.message === null ? '' : ` (${visible(outcome.message)})`;
  const rows = counted(outcome.rows, 'row');
  return `${decision.effect} ${by}, ${outcome.status}${words}, ${rows}, ${(outcome.durationUs / 1000).toFixed(1)} ms`;
}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? visible(String(value)) : '?');
const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter((each): each is Record<string, unknown> => typeof each === 'object' && each !== null) : [];

const byRule = ({ rule }: Readonly<Record<string, unknown>>): string => (rule == null ? '' : ` by ${text(rule)}`);

/** `3 ssn (mask), 1 email (clear)`. A record counts each column by itself: what has the same words is one sum. */
function summed(counts: unknown, words: (each: Readonly<Record<string, unknown>>) => string): string {
  const sums = new Map<string, number>();
  for (const each of list(counts)) {
    const { values } = each;
    sums.set(words(each), (sums.get(words(each)) ?? 0) + (typeof values === 'number' ? values : Number.NaN));
  }
  return [...sums].map(([what, values]) => `${Number.isNaN(values) ? '?' : values} ${what}`).join(', ');
}

/** An event of the record in words; what is not known here as its JSON. */
export function eventNote({ event, data }: StoryEvent): string {
  switch (event) {
    case 'approval.hold':
      return `held for approval: request ${text(data['request'])}${Array.isArray(data['groups']) ? `, asking ${data['groups'].map(text).join(', ')}` : ''}`;
    case 'approval.answer': {
      const voters = list(data['voters']).map(({ name }) => text(name));
      return `request ${text(data['request'])} ${text(data['state'])}${voters.length === 0 ? '' : `; voted: ${voters.join(', ')}`}`;
    }
    case 'masked':
      return `masked: ${summed(data['values'], (each) => `${text(each['class'])} (${text(each['treatment'])}${byRule(each)})`)}`;
    case 'tokens.resolved':
      return `tokens resolved: ${summed(data['classes'], (each) => `${text(each['class'])}${byRule(each)}`)}`;
    default:
      return `${visible(event)} ${visible(JSON.stringify(data))}`;
  }
}

/** What of a stream is not in the record; null: it is there as a whole. */
export function cutNote(stream: RecordedStream, what: string): string | null {
  if (!stream.cut) return null;
  const of = stream.total === null ? 'an unknown number of bytes' : size(stream.total);
  return `… ${size(stream.bytes.length)} kept of ${of} ${what}${stream.digest === null ? '' : `, ${stream.plain === true ? 'sha256' : 'digest'} ${stream.digest}`}`;
}

export const shortenedNote = 'the reader left bytes out: the operation is larger than it holds in memory';

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  for (const [unit, name] of [
    [1 << 30, 'GiB'],
    [1 << 20, 'MiB'],
    [1 << 10, 'KiB'],
  ] as const)
    if (bytes >= unit) return `${(bytes / unit).toFixed(bytes % unit === 0 ? 0 : 1)} ${name}`;
  return `${bytes} bytes`;
}
