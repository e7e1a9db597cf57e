/** How inherited tags read, as rows and for people. Names come from the target. */
import type { InheritedTag } from '../../contract/inherited-tags.js';
import { relativeTime } from './relative-time.js';
import type { Column } from './rows.js';

const place = ({ column, name }: InheritedTag): string => (column === 0 ? 'all' : (name ?? `number ${column}`));

export function inheritedTagColumns(now: number): readonly Column<InheritedTag>[] {
  return [
    { name: 'database', value: (tag) => tag.part },
    { name: 'relation', value: (tag) => tag.relation.join('.') },
    { name: 'column', value: place },
    { name: 'from', value: (tag) => tag.from.map((name) => name.join('.')).join(' ') },
    { name: 'holds', value: (tag) => (tag.exact ? 'the values' : 'computed values') },
    { name: 'because', value: (tag) => tag.reason },
    { name: 'state', value: (tag) => (tag.object === null ? 'expected' : 'there') },
    { name: 'subject', value: (tag) => tag.subject },
    { name: 'session', value: (tag) => tag.session },
    { name: 'since', value: (tag) => tag.since, show: (tag) => relativeTime(tag.since, now) },
  ];
}
