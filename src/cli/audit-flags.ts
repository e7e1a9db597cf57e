/** The filters that commands over the audit log have in common. */
import { string } from '@oclif/core/flags';
import type { AuditQuery } from '../client/gateway-client.js';
import { moment } from './render/moment.js';

export const auditFlags = {
  kind: string({ summary: 'Only entries of this kind; `approval.*` for all that begin so.', multiple: true, default: [], helpValue: 'KIND' }),
  subject: string({ summary: 'Only entries in which this subject acts, asks, or is acted upon.', helpValue: 'SUBJECT' }),
  target: string({ char: 't', summary: 'Only entries about this target.', helpValue: 'NAME' }),
  session: string({ summary: 'Only entries of this session.', helpValue: 'ID' }),
} as const;

interface AuditFlags {
  readonly kind: readonly string[];
  readonly subject?: string | undefined;
  readonly target?: string | undefined;
  readonly session?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** @throws GwError `usage.invalid` for what is no moment */
export function auditQuery({ kind, subject, target, session, since, until }: AuditFlags, text: string | undefined, now: number): AuditQuery {
  const at = (written: string | undefined): string | undefined => (written === undefined ? undefined : moment(written, now));
  return { kind, subject, target, session, text, since: at(since), until: at(until) };
}
