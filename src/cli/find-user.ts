/** Finds the subject that a short name or `issuer#subject` means. A name is only good when it means one subject. */
import type { SubjectRecord } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import { visible } from './terminal.js';

/** @throws GwError `subject.unknown` | `usage.invalid` (the name means several) */
export function findUser(users: readonly SubjectRecord[], wanted: string): SubjectRecord {
  const exact = users.find((user) => `${user.issuer}#${user.subject}` === wanted);
  if (exact !== undefined) return exact;
  const named = users.filter((user) => user.name === wanted || user.subject === wanted || user.email === wanted);
  const [only] = named;
  if (only === undefined) throw new GwError('subject.unknown', `Nobody called "${visible(wanted)}" has logged in to this gateway.`);
  if (named.length === 1) return only;
  throw new GwError('usage.invalid', `"${visible(wanted)}" means ${named.length} subjects.`, {
    hint: `Name one exactly:\n${named.map((user) => `    ${visible(`${user.issuer}#${user.subject}`)}`).join('\n')}`,
  });
}
