/**
 * Whether a view grants reads only: no rule and no default could let any writing action happen, now or at another hour. The target then
 * refuses writes as well (ADR 0006). Only certainty counts: whatever a rule might allow under some condition, resource, fact, hour or
 * approval is granted, and only a denial without any of these takes it away. What an action is, its descriptor says; one that does not say
 * that it only reads is a writing one. Pure.
 */
import type { Identity } from '../contract/identity.js';
import type { CompiledRule } from './compiled-rule.js';
import { allowedByDefault, type ProtocolVocabulary, UNKNOWN } from './vocabulary.js';

interface Granted {
  /** Rules whose subjects and targets match, of every hour. */
  readonly rules: readonly CompiledRule[];
  /** Those of them that never permit, because the identity only may be their subject. */
  readonly uncertain: ReadonlySet<CompiledRule>;
  readonly defaultOperations: 'allow' | 'deny';
  readonly vocabulary: ProtocolVocabulary | undefined;
  readonly identity: Pick<Identity, 'kind'>;
}

export function grantsOnlyReads({ rules, uncertain, defaultOperations, vocabulary, identity }: Granted): boolean {
  if (vocabulary === undefined) return false;
  const permits = rules.filter((rule) => (rule.effect === 'allow' || rule.effect === 'require_approval') && !uncertain.has(rule));
  const denies = rules.filter((rule) => rule.effect === 'deny' && unconditional(rule));
  for (const action of writingActions(vocabulary)) {
    const byDefault = defaultOperations === 'allow' && allowedByDefault(vocabulary, action, identity.kind);
    if (!byDefault && !permits.some((rule) => covers(rule, action))) continue;
    if (!denies.some((rule) => rule.every || rule.actions.has(action))) return false;
  }
  return true;
}

function* writingActions(vocabulary: ProtocolVocabulary): Iterable<string> {
  if (!vocabulary.actions.has(UNKNOWN)) yield UNKNOWN;
  for (const [name, { readOnly }] of vocabulary.actions) if (readOnly !== true) yield name;
}

/** What was not understood is permitted only by a rule that names it. */
const covers = (rule: CompiledRule, action: string): boolean => rule.actions.has(action) || (rule.every && action !== UNKNOWN);

const unconditional = ({ resources, columns, facts, when, during }: CompiledRule): boolean =>
  resources === null && columns === null && facts.length === 0 && when === null && during === null;
