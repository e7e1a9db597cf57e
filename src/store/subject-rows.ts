/**
 * The statement that remembers who was seen, many at once. Pure: rows and SQL, no connection. Everybody whose token opened a session or
 * asked the API who it is counts: whoever is not known here cannot be locked.
 * A token without an address (nobody has to ask for that scope) does not make the one that is known be forgotten: it tells who is one person.
 */
import type { SubjectStore } from '../contract/session-store.js';
import { storable, storableOrNull } from './storable-text.js';

type Seen = Omit<Parameters<SubjectStore['seen']>[0], 'kind'> & { readonly kind: string };

/** In one order, so that two processes never wait for each other. The condition keeps a busy subject from writing a row version for every connection. */
export const SEEN_SUBJECTS = `insert into gw.subjects as s (issuer, subject, name, kind, email, groups, first_seen_at, last_seen_at)
select issuer, subject, name, kind, email, groups, pg_catalog.now(), pg_catalog.now()
from pg_catalog.jsonb_to_recordset($1::pg_catalog.jsonb) as r(issuer text, subject text, name text, kind text, email text, groups text[])
order by issuer, subject
on conflict (issuer, subject) do update
  set name = excluded.name, kind = excluded.kind, email = coalesce(excluded.email, s.email), groups = excluded.groups, last_seen_at = excluded.last_seen_at
  where s.last_seen_at < excluded.last_seen_at - interval '10 seconds'
     or (s.name, s.kind, s.email, s.groups) is distinct from
        (excluded.name, excluded.kind, coalesce(excluded.email, s.email), excluded.groups)`;

export function subjectRow({ issuer, subject, name, kind, email, groups }: Seen): Record<string, unknown> {
  return { issuer: storable(issuer), subject: storable(subject), name: storable(name), kind, email: storableOrNull(email), groups: groups.map(storable) };
}

/** Each subject once, as it was seen last: one statement cannot change a row twice. */
export function seenLast<T extends Seen>(seen: readonly T[]): T[] {
  return [...new Map(seen.map((each) => [`${storable(each.issuer)}\n${storable(each.subject)}`, each])).values()];
}
