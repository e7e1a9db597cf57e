/**
 * Who is one person. A quorum counts people, not logins, and nobody approves what they asked for: so two identities are the same person
 * when they are the same subject or have the same e-mail address. Unverified addresses count as well: being taken for one person only
 * ever costs a vote, it never gives one. Pure.
 */
import type { ApprovalRecord, Party } from '../contract/approval.js';
import type { ApproverDemand } from '../contract/decision.js';

type Known = Pick<Party, 'issuer' | 'subject' | 'email'>;

/** Every name under which somebody is known. Two of one person share at least one. */
function namesOf({ issuer, subject, email }: Known): readonly string[] {
  const login = `login ${JSON.stringify([issuer, subject])}`;
  const address = email === null ? '' : email.normalize('NFKC').trim().toLowerCase();
  return address === '' ? [login] : [login, `mail ${address}`];
}

/** Whether `who` is the requester, or the one that the requester acts for. */
export function isRequester(record: Pick<ApprovalRecord, 'requester' | 'onBehalfOf'>, who: Known): boolean {
  const own = new Set(namesOf(record.requester));
  if (record.onBehalfOf !== null) for (const name of namesOf(record.onBehalfOf)) own.add(name);
  return namesOf(who).some((name) => own.has(name));
}

export function isSamePerson(a: Known, b: Known): boolean {
  const names = new Set(namesOf(a));
  return namesOf(b).some((name) => names.has(name));
}

/** How many people these are. Identities are chained: one that shares its login with a second and its address with a third joins them. */
export function countPeople(parties: readonly Known[]): number {
  const people: Set<string>[] = [];
  for (const party of parties) {
    const names = namesOf(party);
    const same = people.filter((known) => names.some((name) => known.has(name)));
    const merged = new Set<string>(names);
    for (const known of same) {
      for (const name of known) merged.add(name);
      people.splice(people.indexOf(known), 1);
    }
    people.push(merged);
  }
  return people.length;
}

/** The votes that count: of people, none of them the requester. */
function countingVotes(record: Pick<ApprovalRecord, 'requester' | 'onBehalfOf' | 'votes'>): ApprovalRecord['votes'] {
  return record.votes.filter(({ by }) => by.kind === 'person' && !isRequester(record, by));
}

/** How many more people each entry needs; an entry that is met is left out. Empty: everything that is demanded is there. */
export function stillNeeded(
  record: Pick<ApprovalRecord, 'requester' | 'onBehalfOf' | 'votes'>,
  approvers: readonly ApproverDemand[],
): readonly (ApproverDemand & { readonly missing: number })[] {
  const votes = countingVotes(record);
  return approvers.flatMap((entry) => {
    const fitting = votes.filter(({ groups }) => groups.some((group) => entry.groups.includes(group))).map(({ by }) => by);
    const missing = Math.max(1, entry.quorum) - countPeople(fitting);
    return missing > 0 ? [{ ...entry, missing }] : [];
  });
}

/** Whether the votes of this record are enough for a demand. A demand that names nobody is met by nobody. */
export function satisfies(record: Pick<ApprovalRecord, 'requester' | 'onBehalfOf' | 'votes'>, approvers: readonly ApproverDemand[]): boolean {
  return approvers.length > 0 && stillNeeded(record, approvers).length === 0;
}
