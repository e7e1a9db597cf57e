/**
 * A portal that is run later than it was bound. The server reads for a plain SELECT as things are at the Bind; all else (COPY, a write with
 * RETURNING, EXECUTE, SHOW …) reads when it runs, and what was decided at the Bind may not hold by then: it is decided anew. Parameters are
 * untrusted.
 */
import type { BoundParameter } from '../../contract/approval.js';
import type { Facts } from '../../contract/operation.js';
import { readBoundParameters } from './bound-parameters.js';
import { BOUND_KEPT_LIMIT } from './codec/limits.js';
import type { Conversation } from './conversation.js';
import { type Judged, judge } from './judge.js';
import type { Portal } from './names.js';

const READS: ReadonlySet<string> = new Set(['select', 'call']);
const NO_PARAMETERS = new Uint8Array(0);
const TOO_LARGE = `a statement with more than ${BOUND_KEPT_LIMIT} bytes of parameters may not be run later than it was bound; send its Execute right behind its Bind`;
const FETCHED = 'SQL may have run this portal already by FETCH or MOVE; go on with FETCH, or bind it again';
const RENAMED =
  'what this portal names is another statement or cursor than when it was bound, and its rows would be read as those of the other one; bind it again';
const CHANGED = 'code of the database ran since this portal began, and may have changed the settings that it reads; bind it again';

/** Its verdict is one on how things were before. `facts`: what it means by now. */
export function isLate(portal: Portal, facts: Facts, talk: Conversation): boolean {
  if (portal.unrun === undefined) return false;
  // An EXECUTE or FETCH is resolved by the server when it runs, not when it is bound.
  if (facts !== portal.facts || portal.runs !== talk.runsNow(portal.statement)) return true;
  if (talk.lastBound === portal && portal.catalog === talk.context.catalog()) return false;
  return !readsAtBind(facts) || meansOther(portal, talk);
}

/** Why a portal may not be run at all by now; null: it may. */
export function lateRefusal(portal: Portal, facts: Facts, talk: Conversation): string | null {
  // The server describes rows as those of the statement that it knew at the Bind, and reads memory by that (seen with 15 and 18).
  if (portal.unrun !== undefined && portal.runs !== talk.runsNow(portal.statement)) return RENAMED;
  if (portal.fetched && portal.statement.types !== null && !readsAtBind(facts)) return FETCHED;
  if (portal.unrun === null && (portal.verdict === null || isLate(portal, facts, talk))) return TOO_LARGE;
  // Rows of it have come that were masked by what was known when it began.
  return portal.unrun === undefined && portal.verdict !== null && meansOther(portal, talk) ? CHANGED : null;
}

/** What is judged when it runs, and by what parameters. */
export function judgedLate(portal: Portal, facts: Facts, refusal: string | null): { readonly judged: Judged; readonly bound: () => readonly BoundParameter[] } {
  const { statement, unrun } = portal;
  const judged =
    unrun == null
      ? judge.statement(facts, statement.text, 'fetch', 'contextual')
      : judge.bound(facts, statement, unrun, statement.resolve === null ? 'whole' : 'contextual');
  return {
    judged: refusal === null ? judged : { ...judged, forbidden: refusal },
    bound: () => readBoundParameters(unrun ?? NO_PARAMETERS, statement.types) ?? [],
  };
}

function meansOther(portal: Portal, talk: Conversation): boolean {
  return portal.unseen !== talk.masking.unseenRan && talk.masking.isAboutSettings(portal.statement.text);
}

/** By identity of the facts, which are shared. */
const atBind = new WeakMap<Facts, boolean>();

/** All of it is a SELECT that locks nothing: what it reads is fixed by its Bind. */
function readsAtBind(facts: Facts): boolean {
  let reads = atBind.get(facts);
  if (reads === undefined) {
    reads = facts.unknown.length === 0 && facts.effects.every((effect) => READS.has(effect.action) && effect.facts['for_update'] !== true);
    atBind.set(facts, reads);
  }
  return reads;
}
