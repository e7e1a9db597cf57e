/**
 * What keeps a read-only session read-only. The server refuses writes because the gateway starts it with `default_transaction_read_only`,
 * which counts for more than what is set to a role or database, and is what RESET, RESET ALL and DISCARD ALL go back to. Here stand the ways
 * out that a text shows: the two settings by any of their names, and an end of the transaction behind something that has just run. The second
 * stops the attack "a function turns the default off, and the next transaction of the same batch writes": the server reports a changed
 * setting only when it is ready for the next query, and then `checkReadOnly` ends the session before anything more goes up.
 */
import { GwError } from '../../contract/gw-error.js';
import type { Effect, Facts } from '../../contract/operation.js';
import type { ClientNotice } from '../../contract/protocol.js';
import type { Analysis } from './facts/index.js';

export const READ_ONLY_SETTING = 'default_transaction_read_only';

/** `transaction_read_only` and `default_transaction_read_only`; the first is the name of BEGIN's and SET TRANSACTION's option, too. */
const SWITCHES: ReadonlySet<string> = new Set(['transaction_read_only', READ_ONLY_SETTING]);
const ON: ReadonlySet<string> = new Set(['on', 'true', 'yes', '1']);
/** They end a transaction: what follows runs in another one. */
const ENDING: ReadonlySet<string> = new Set(['commit', 'rollback', 'prepare', 'commit_prepared', 'rollback_prepared']);
/** They carry out, or leave behind, what another session wrote. */
const PREPARED: ReadonlySet<string> = new Set(['prepare', 'commit_prepared', 'rollback_prepared']);

const SWITCHED = 'this session is read-only, and nothing in it can change that';

/** By identity of the facts, which are shared. */
const known = new WeakMap<Facts, string | null>();

/** Why a read-only session may not run this; null: it may. A value that is not known counts as the wrong one. */
export function breaksReadOnly(facts: Facts): string | null {
  let reason = known.get(facts);
  if (reason === undefined) {
    reason = facts.effects.map(reasonOf).find((each) => each !== null) ?? null;
    known.set(facts, reason);
  }
  return reason;
}

function reasonOf({ action, resource, facts }: Effect): string | null {
  if (action === 'transaction') return PREPARED.has(String(facts['kind'])) ? `${SWITCHED}; it takes no part in prepared transactions` : null;
  if (action === 'role' || action === 'alter' || action === 'system') {
    const setting = action === 'system' ? resource?.name.at(-1) : facts['setting'];
    return typeof setting === 'string' && SWITCHES.has(setting.toLowerCase()) ? SWITCHED : null;
  }
  if (action !== 'set' && action !== 'reset') return null;
  const name = resource?.name.at(-1)?.toLowerCase();
  if (name === undefined) return `${SWITCHED}; which setting this changes is not known`;
  if (!SWITCHES.has(name)) return null;
  const value = facts['value'];
  return action === 'set' && typeof value === 'string' && ON.has(value.toLowerCase()) ? null : SWITCHED;
}

/** Whether a statement of the text other than the last ends a transaction in which something may have run. `ran`: something did before it. */
export function goesOnAfterEnd({ statements }: Analysis, ran: boolean): boolean {
  for (const [i, { kind, name }] of statements.entries())
    if (kind === 'transaction' && i < statements.length - 1 && (i > 0 || ran) && name !== null && ENDING.has(name)) return true;
  return false;
}

export function endsTransaction(facts: Facts): boolean {
  return facts.effects.some((effect) => effect.action === 'transaction' && ENDING.has(String(effect.facts['kind'])));
}

export function beginsOrEnds(facts: Facts): boolean {
  const beginning = ({ action, facts: { kind } }: Effect): boolean => action === 'transaction' && (kind === 'begin' || kind === 'start');
  return endsTransaction(facts) || facts.effects.some(beginning);
}

export const BEHIND_END = 'in a read-only session nothing may follow the end of a transaction in the same batch; send it by itself';

/**
 * `body` is that of a ParameterStatus.
 * @throws GwError `target.protocol` when the server says that writes are possible again.
 */
export function checkReadOnly(body: Buffer): void {
  const [name, value] = body.toString('utf8').split('\0');
  if (name === READ_ONLY_SETTING && value !== 'on')
    throw new GwError('target.protocol', 'Something turned default_transaction_read_only off in a read-only session; the gateway ends it.');
}

/** SQLSTATE of a statement that the database refused for being a write. */
export const REFUSED_WRITE = '25006';

export const WHY_READ_ONLY: ClientNotice = {
  severity: 'notice',
  message: 'This session is read-only: when it was opened, policy granted it only reads.',
  detail: 'The database refuses writes in it, those inside functions too.',
  hint: 'If policy lets you write by now, connect again.',
};

/** Whether the greeting (ParameterStatus messages) says that the server took the setting. */
export function startedReadOnly(greeting: Buffer): boolean {
  return greeting.includes(`${READ_ONLY_SETTING}\0on\0`);
}
