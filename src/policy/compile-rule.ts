/**
 * Second stage of a load: one rule of a parsed file against the vocabulary of the protocols that it selects. Gives the compiled rule, or
 * reports every word that could never match, with its position and the nearest word that could.
 */
import type { FactDescriptor } from '../contract/protocol.js';
import { compileAccounts } from './accounts.js';
import { compileTerms } from './compile-terms.js';
import type { CompiledRule, FactMatcher, ResourceMatcher } from './compiled-rule.js';
import { type Condition, compileCondition } from './condition.js';
import { compileGlob } from './glob.js';
import { type NamePattern, parseNamePattern } from './name-pattern.js';
import type { DataPath, Report } from './problem.js';
import type { RuleText, TargetsText, TiersText } from './schema.js';
import { asList, compileSubjects, compileTargets } from './selector.js';
import { suggestion } from './suggestion.js';
import { anyWindow, compileWindow } from './time-window.js';
import { CONNECT, EVERY, type ProtocolVocabulary, selectProtocols, UNKNOWN, type Vocabulary } from './vocabulary.js';

/** Position of the n-th value of a field that may be written as one value or as a list. */
const itemPath = (path: DataPath, value: unknown, index: number): DataPath => (Array.isArray(value) ? [...path, index] : path);

/** Complains about a selector that selects nothing by name, and about kinds of protocol that this gateway does not have. */
export function checkTargets(targets: TargetsText | undefined, vocabulary: Vocabulary, report: Report): void {
  if (targets !== undefined && Object.keys(targets).length === 0) report(['targets'], '`targets` is empty; leave the key out to mean every target');
  for (const [index, kind] of (targets?.protocols ?? []).entries()) {
    if (!vocabulary.has(kind)) report(['targets', 'protocols', index], `unknown protocol \`${kind}\`${suggestion(kind, [...vocabulary.keys()])}`);
  }
}

function checkSubjects(rule: RuleText, report: Report): void {
  if (rule.subjects === undefined) return;
  if (Object.keys(rule.subjects).length === 0) report(['subjects'], '`subjects` is empty; leave the key out to mean everyone');
  for (const [index, id] of (rule.subjects.ids ?? []).entries()) {
    if (rule.subjects.issuers === undefined && !id.includes('#')) {
      report(['subjects', 'ids', index], `\`${id}\` does not say whose subject it is; write \`issuer#${id}\`, or name the \`issuers\` beside it`);
    }
  }
}

function checkActions(rule: RuleText, protocols: readonly ProtocolVocabulary[], report: Report): void {
  const words = [...new Set([CONNECT, UNKNOWN, ...protocols.flatMap((protocol) => [...protocol.actions.keys()])])];
  for (const [index, action] of rule.actions.entries()) {
    if (action !== EVERY && !words.includes(action)) report(['actions', index], `unknown action \`${action}\`${suggestion(action, words)}`);
  }
  if (!rule.actions.includes(CONNECT)) return;
  for (const key of ['resources', 'columns', 'facts'] as const) {
    if (rule[key] !== undefined) report([key], `\`${key}\` cannot stand in a rule that names \`connect\`, which has none; split the rule in two`, 'key');
  }
}

function compileFact(name: string, value: unknown, descriptors: readonly FactDescriptor[], report: Report): FactMatcher {
  const values = asList(value) as readonly (string | number | boolean)[];
  for (const [index, each] of values.entries()) {
    const fits = descriptors.some((fact) => {
      if (fact.type === 'number' || fact.type === 'boolean') return typeof each === fact.type;
      return typeof each === 'string' && (fact.values === null || fact.values.includes(each));
    });
    if (fits) continue;
    const known = descriptors.flatMap((fact) => (fact.type === 'boolean' ? ['true', 'false'] : (fact.values ?? [])));
    const numeric = descriptors.some((fact) => fact.type === 'number') ? '; it is a number' : '';
    report(itemPath(['facts', name], value, index), `fact \`${name}\` is never \`${String(each)}\`${numeric}${suggestion(String(each), known)}`);
  }
  return { name, values: new Set(values) };
}

function compileFacts(rule: RuleText, protocols: readonly ProtocolVocabulary[], report: Report): FactMatcher[] {
  const matchers: FactMatcher[] = [];
  for (const [name, value] of Object.entries(rule.facts ?? {})) {
    const descriptors = protocols.flatMap((protocol) => protocol.facts.get(name) ?? []);
    if (descriptors.length === 0) {
      const words = [...new Set(protocols.flatMap((protocol) => [...protocol.facts.keys()]))];
      report(['facts', name], `unknown fact \`${name}\`${suggestion(name, words)}`, 'key');
      continue;
    }
    for (const [index, action] of rule.actions.entries()) {
      const known = action === EVERY || protocols.some((protocol) => protocol.actions.has(action));
      const carries = action === EVERY || protocols.some((protocol) => protocol.actions.get(action)?.facts.includes(name) === true);
      if (known && !carries)
        report(['actions', index], `action \`${action}\` carries no fact \`${name}\`, so the rule could never match it; split the rule in two`);
    }
    matchers.push(compileFact(name, value, descriptors, report));
  }
  return matchers;
}

function compilePattern(pattern: string, partLists: readonly (readonly string[])[], complain: (problem: string) => void): Map<number, NamePattern> {
  const patterns = new Map<number, NamePattern>();
  let problem = '';
  for (const parts of partLists) {
    const result = parseNamePattern(pattern, parts);
    if (result.ok) patterns.set(parts.length, result.pattern);
    else problem = result.problem;
  }
  if (patterns.size === 0) complain(problem);
  return patterns;
}

function compileResources(rule: RuleText, protocols: readonly ProtocolVocabulary[], report: Report): ResourceMatcher[] | null {
  if (rule.resources === undefined) return null;
  const matchers: ResourceMatcher[] = [];
  for (const [index, entry] of rule.resources.entries()) {
    for (const [type, value] of Object.entries(entry)) {
      const partLists = protocols.flatMap((protocol) => {
        const parts = protocol.resources.get(type);
        return parts === undefined ? [] : [parts];
      });
      if (partLists.length === 0) {
        const words = [...new Set(protocols.flatMap((protocol) => [...protocol.resources.keys()]))];
        report(['resources', index, type], `unknown type of resource \`${type}\`${suggestion(type, words)}`, 'key');
        continue;
      }
      for (const [position, pattern] of asList(value).entries()) {
        const path = itemPath(['resources', index, type], value, position);
        const patterns = compilePattern(pattern, partLists, (problem) => report(path, `\`${pattern}\` is not a name of a ${type}: ${problem}`));
        matchers.push({ type, patterns });
      }
    }
  }
  return matchers;
}

function compileWhen(rule: RuleText, report: Report): Condition | null {
  if (rule.when === undefined) return null;
  const result = compileCondition(rule.when, rule.actions.includes(CONNECT) ? 'connect' : 'operation');
  if (result.ok) return result.condition;
  report(['when'], `condition: ${result.problem}`);
  return null;
}

/** Compiles a rule; `tiers` are those of its file. The result is of use only when nothing was reported. */
export function compileRule(rule: RuleText, name: string, order: number, vocabulary: Vocabulary, tiers: TiersText, report: Report): CompiledRule {
  checkTargets(rule.targets, vocabulary, report);
  checkSubjects(rule, report);
  const selected = selectProtocols(vocabulary, rule.targets?.protocols);
  // With only unknown protocols named, everything else would be reported as unknown too: compare with all instead.
  const protocols = selected.length === 0 ? [...vocabulary.values()] : selected;
  checkActions(rule, protocols, report);
  return {
    order,
    name,
    effect: rule.effect,
    message: rule.message ?? null,
    hint: rule.hint ?? null,
    subjects: compileSubjects(rule.subjects),
    targets: compileTargets(rule.targets),
    actions: new Set(rule.actions),
    every: rule.actions.includes(EVERY),
    resources: compileResources(rule, protocols, report),
    columns: rule.columns?.map(compileGlob) ?? null,
    facts: compileFacts(rule, protocols, report),
    when: compileWhen(rule, report),
    during: rule.during === undefined ? null : anyWindow(asList(rule.during).map(compileWindow)),
    terms: compileTerms(rule, tiers, report),
    accounts: compileAccounts(rule, protocols, report),
  };
}
