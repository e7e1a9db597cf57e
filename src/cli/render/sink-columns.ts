/** How sinks of the audit log read, as rows and for people. */
import type { SinkStatus } from '../../contract/api-types.js';
import { relativeTime } from './relative-time.js';
import type { Column } from './rows.js';

export function sinkColumns(now: number): readonly Column<SinkStatus>[] {
  const ago = (time: string | null): string => (time === null ? '' : relativeTime(time, now));
  return [
    { name: 'name', value: ({ name }) => name },
    { name: 'kind', value: ({ kind }) => kind },
    { name: 'format', value: ({ format }) => format },
    { name: 'state', value: ({ state }) => state },
    { name: 'waiting', value: ({ waiting }) => waiting },
    { name: 'oldest', value: ({ oldest }) => oldest, show: ({ oldest }) => ago(oldest) },
    { name: 'failing since', value: ({ failing }) => failing?.since ?? null, show: ({ failing }) => ago(failing?.since ?? null) },
    { name: 'attempts', value: ({ failing }) => failing?.attempts ?? null },
    { name: 'problem', value: ({ failing }) => failing?.message ?? null },
  ];
}
