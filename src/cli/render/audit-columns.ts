/** How entries of the audit log read, as rows and for people. What stands in them came from elsewhere. */
import type { AuditEntry } from '../../contract/audit-entry.js';
import { RefusedSteps } from './refused-steps.js';
import { relativeTime } from './relative-time.js';
import type { Column } from './rows.js';

/** Shown in columns of their own. */
const WHO = ['actorSubject', 'requesterSubject', 'subject', 'sessionSubject'] as const;
const APART = new Set<string>([...WHO, 'actorIssuer', 'requesterIssuer', 'issuer', 'sessionIssuer', 'target', 'session', 'request', 'apart']);

/** People are told which steps were not taken; data stays as the entries are. */
export function auditColumns(now: number, refused = new RefusedSteps()): readonly Column<AuditEntry>[] {
  return [
    { name: 'time', value: ({ time }) => time, show: ({ time }) => relativeTime(time, now) },
    { name: 'log', value: ({ log }) => log },
    { name: 'n', value: ({ n }) => n },
    { name: 'kind', value: ({ kind }) => kind, show: (entry) => (refused.codeOf(entry) === null ? entry.kind : `${entry.kind} (refused)`) },
    { name: 'who', value: ({ data }) => textOf(WHO.map((field) => data[field]).find((value) => value !== undefined) ?? '') },
    { name: 'target', value: ({ data }) => textOf(data['target'] ?? '') },
    { name: 'session', value: ({ data }) => textOf(data['session'] ?? '') },
    { name: 'about', value: aboutText, show: (entry) => toldText(entry, refused) },
  ];
}

/** One line of an entry as it comes. `refused`: what was seen before it. */
export function auditLine(entry: AuditEntry, refused: RefusedSteps): string {
  const { time, kind, log, n } = entry;
  const [who = '', target = '', session = ''] = auditColumns(0)
    .filter(({ name }) => name === 'who' || name === 'target' || name === 'session')
    .map(({ value }) => String(value(entry) ?? ''));
  return [time, `${log}#${n}`, kind, who, target, session, toldText(entry, refused)].filter((part) => part !== '').join('  ');
}

/** `approval.approve of apr_1 was not taken: approval.not_yours`, at the step and at what refused it. */
function toldText(entry: AuditEntry, refused: RefusedSteps): string {
  const code = refused.codeOf(entry);
  if (code !== null) return `was not taken: ${code}  ${aboutText(entry)}`;
  const denied = refused.deniedText(entry);
  return `${denied === null ? '' : `${denied}: ${textOf(entry.data['code'] ?? '')}  `}${aboutText(entry)}`;
}

/** `code=login.expired count=3`. */
function aboutText({ data }: AuditEntry): string {
  return Object.entries(data)
    .filter(([name, value]) => !APART.has(name) && value !== null && value !== '')
    .map(([name, value]) => `${name}=${textOf(value)}`)
    .join(' ');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
