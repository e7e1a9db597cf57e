/**
 * Accounts at the target in a rule that names `connect` (`as`): names, and texts that take their name from who asks. Pure.
 *
 * A rule with `as` is about these accounts. One without is about the target's own account (that of the configuration) where it permits, and
 * about every account where it restricts. A name that is made from an identity is never one that a rule or the target names as such, nor `root`:
 * nobody becomes `deploy` by an address like deploy@example.com.
 */
import { ACCOUNT_NAME_RULE, isAccountName } from '../contract/account-name.js';
import type { Identity } from '../contract/identity.js';
import type { Report } from './problem.js';
import type { RuleText } from './schema.js';
import { claimAt, claimPath, type TargetFields } from './selector.js';
import { CONNECT, type ProtocolVocabulary } from './vocabulary.js';

/** What of an identity a name is made from. */
type Source = { readonly kind: 'id' | 'local' } | { readonly kind: 'claim'; readonly key: string };

export interface AccountPattern {
  readonly before: string;
  /** Null: `before` is the whole name. */
  readonly source: Source | null;
  readonly after: string;
}

/** Whether a rule is about an account: for certain, perhaps (which only restricts), or not. */
export type AccountFit = 'is' | 'may' | 'no';

const FORM = /^(?<before>[^{}]*)\{\{\s*subject\.(?<what>id|local|claims\.[^{}\s]{1,200})\s*\}\}(?<after>[^{}]*)$/;
const CLAIMS = 'claims.';

/** Null: it is neither a name nor one with a part from the subject. */
function parsePattern(text: string): AccountPattern | null {
  if (isAccountName(text)) return { before: text, source: null, after: '' };
  const { before = '', what = '', after = '' } = FORM.exec(text)?.groups ?? {};
  // What stands around it must be fit for a name, too.
  if (what === '' || !isAccountName(`${before === '' ? 'x' : before}x${after}`)) return null;
  const source: Source = what.startsWith(CLAIMS) ? { kind: 'claim', key: what.slice(CLAIMS.length) } : { kind: what === 'id' ? 'id' : 'local' };
  return { before, source, after };
}

/** Null: the rule says nothing of accounts. */
export function compileAccounts(rule: RuleText, protocols: readonly ProtocolVocabulary[], report: Report): readonly AccountPattern[] | null {
  if (rule.as === undefined) return null;
  if (!rule.actions.includes(CONNECT)) report(['as'], '`as` is about opening a session, so it stands in a rule that names `connect`', 'key');
  else if (rule.actions.length > 1)
    report(['as'], '`as` is about opening a session, so it stands in a rule of its own for `connect`; put the other actions into another rule', 'key');
  if (!protocols.some(({ accounts }) => accounts))
    report(['as'], 'sessions of these protocols are always opened as the account of the target’s configuration, so the rule could never match', 'key');
  const patterns: AccountPattern[] = [];
  for (const [index, text] of rule.as.entries()) {
    const pattern = parsePattern(text);
    if (pattern !== null) patterns.push(pattern);
    else
      report(
        ['as', index],
        `\`${text}\` is no account: write a name (${ACCOUNT_NAME_RULE}), or one with \`{{subject.local}}\`, \`{{subject.id}}\` or \`{{subject.claims.NAME}}\` in it`,
      );
  }
  return patterns;
}

/** Names that rules name as such. */
export const namedAccounts = (rules: readonly { readonly accounts: readonly AccountPattern[] | null }[]): ReadonlySet<string> =>
  new Set(rules.flatMap(({ accounts }) => (accounts ?? []).flatMap(({ before, source }) => (source === null ? [before] : []))));

function partOf(source: Source, identity: Identity, certain: boolean): string | null {
  if (source.kind === 'id') return identity.subject;
  if (source.kind === 'claim') {
    const value = claimAt(identity.claims, claimPath(source.key));
    return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  }
  const { email, emailVerified } = identity;
  if (email === null || (certain && !emailVerified)) return null;
  const at = email.lastIndexOf('@');
  return at > 0 ? email.slice(0, at) : null;
}

export interface AccountScope {
  readonly identity: Identity;
  readonly target: TargetFields;
  /** Names that rules name as such. */
  readonly named: ReadonlySet<string>;
}

/**
 * Accounts that the patterns mean. `certain`: only what is proved, and no name by chance; otherwise everything that may be meant.
 */
export function accountsOf(patterns: readonly AccountPattern[], { identity, target, named }: AccountScope, certain: boolean): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { before, source, after } of patterns) {
    const value = source === null ? '' : partOf(source, identity, certain);
    const name = `${before}${value ?? ''}${after}`;
    if (value === null || (source !== null && value === '') || !isAccountName(name)) continue;
    if (source !== null && certain && (name === 'root' || name === target.account || named.has(name))) continue;
    names.add(name);
  }
  return names;
}

/** `account` null: the target's own. */
export function accountFit(patterns: readonly AccountPattern[] | null, account: string | null, scope: AccountScope): AccountFit {
  if (patterns === null) return account === null ? 'is' : 'may';
  const name = account ?? scope.target.account;
  if (name === undefined) return 'no';
  if (accountsOf(patterns, scope, true).has(name)) return 'is';
  return accountsOf(patterns, scope, false).has(name) ? 'may' : 'no';
}
