/** How recordings of terminals read: those that wait on this machine, and those that the gateway has. */
import { type ClientRecording, type ContentVerdict, contentVerdict } from '../../contract/client-recording.js';
import type { Spooled } from '../record/spool.js';
import { relativeTime } from './relative-time.js';
import type { Column } from './rows.js';

export interface ListedRecording {
  readonly id: string;
  /** `here`: waits on this machine; `recording`: still being made here; `gateway`: uploaded. */
  readonly where: 'here' | 'recording' | 'gateway';
  /** `waiting` where the gateway has not all of it. */
  readonly state: string;
  readonly name: string | null;
  readonly targets: readonly string[];
  readonly startedAt: string;
  readonly bytes: number;
  /** Null where the gateway has not all of it. */
  readonly content: ContentVerdict | null;
  readonly problems: readonly string[];
}

/** Newest first. */
export function listRecordings(here: readonly Spooled[], there: readonly ClientRecording[]): ListedRecording[] {
  const local = new Map(here.map((each) => [each.id, each]));
  const known = new Set(there.map(({ id }) => id));
  const rows: ListedRecording[] = there.map((each) => {
    const { id, state, name, targets, createdAt, received, problems } = each;
    const spooled = local.get(id);
    const where = spooled === undefined ? 'gateway' : spooled.live ? 'recording' : 'here';
    const content = state === 'open' ? null : contentVerdict(each);
    return {
      id,
      where,
      state: state === 'open' ? 'waiting' : state,
      name,
      targets,
      startedAt: createdAt,
      bytes: spooled?.bytes ?? received,
      content,
      problems,
    };
  });
  for (const { id, live, targets, startedAt, bytes } of here)
    if (!known.has(id))
      rows.push({ id, where: live ? 'recording' : 'here', state: 'waiting', name: null, targets, startedAt, bytes, content: null, problems: [] });
  return rows.sort((a, b) => (a.id < b.id ? 1 : -1));
}

export function recordingColumns(now: number): readonly Column<ListedRecording>[] {
  return [
    { name: 'id', value: (row) => row.id },
    { name: 'where', value: (row) => row.where },
    { name: 'state', value: (row) => row.state },
    { name: 'name', value: (row) => row.name },
    { name: 'targets', value: (row) => row.targets.join(', ') },
    { name: 'started', value: (row) => row.startedAt, show: (row) => relativeTime(row.startedAt, now) },
    { name: 'bytes', value: (row) => row.bytes },
    { name: 'content', value: (row) => row.content },
    { name: 'differs', value: (row) => (row.problems.length === 0 ? null : row.problems.join('; ')) },
  ];
}
