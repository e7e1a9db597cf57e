/** How operations that a search found read, as rows and for people. */
import type { FoundOperation } from '../../contract/operation-index.js';
import { relativeTime } from './relative-time.js';
import type { Column } from './rows.js';
import { statementLine } from './statement-text.js';

const WIDTH = 100;

export function operationColumns(now: number): readonly Column<FoundOperation>[] {
  return [
    { name: 'session', value: ({ session }) => session },
    { name: 'operation', value: ({ sequence }) => sequence },
    { name: 'at', value: ({ at }) => at, show: ({ at }) => relativeTime(at, now) },
    { name: 'name', value: ({ name }) => name },
    { name: 'target', value: ({ target }) => target },
    { name: 'verdict', value: ({ verdict }) => verdict },
    { name: 'outcome', value: ({ status }) => status },
    { name: 'rows', value: ({ rows }) => rows },
    { name: 'masked', value: ({ masked }) => masked.join(' ') },
    { name: 'text', value: ({ text }) => text, show: ({ text }) => statementLine(text, WIDTH) },
  ];
}
