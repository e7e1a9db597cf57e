/**
 * Policy files in, policy set out: parse, check every word, compile, name by digest. Pure (the clock is used by decisions only), and all
 * or nothing: a set exists only when every file is right.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../base/canonical-json.js';
import { type Clock, systemClock } from '../base/clock.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import { type CompiledMasking, compileMasking } from './compile-masking.js';
import { checkTargets, compileRule } from './compile-rule.js';
import type { CompiledRule } from './compiled-rule.js';
import { type ParsedFile, parsePolicyFile } from './parse-file.js';
import { type CompiledDefault, createPolicySet, type IdentityUse, type LoadedPolicy, type PolicyText } from './policy-set.js';
import { type DataPath, type Problem, policyInvalid } from './problem.js';
import type { PolicyFileText, RuleText } from './schema.js';
import { compileTargets } from './selector.js';
import { buildVocabulary, type Vocabulary } from './vocabulary.js';

const RULES_LIMIT = 10_000;
const FILES_LIMIT = 256;

export interface LoadOptions {
  /** What `now` means in conditions, and what time it is for windows. */
  readonly clock?: Clock;
}

interface Compiled {
  readonly rules: CompiledRule[];
  readonly defaults: CompiledDefault[];
  readonly problems: Problem[];
}

interface CompiledFiles extends Compiled {
  readonly masking: CompiledMasking;
}

/** A policy as data: parsed, and every word of it checked. */
export interface CheckedPolicy {
  readonly digest: string;
  readonly canonical: string;
  readonly files: readonly { readonly stem: string; readonly policy: PolicyFileText }[];
}

function compileFile(file: ParsedFile, vocabulary: Vocabulary, into: Compiled): void {
  const reportAt =
    (prefix: DataPath) =>
    (path: DataPath, message: string, at?: 'key' | 'value'): void => {
      into.problems.push({ path: file.path, message, ...file.locate([...prefix, ...path], at) });
    };
  for (const [index, entry] of (file.data.defaults ?? []).entries()) {
    const report = reportAt(['defaults', index]);
    checkTargets(entry.targets, vocabulary, report);
    into.defaults.push({ operations: entry.operations, targets: compileTargets(entry.targets) });
  }
  const ids = new Set<string>();
  for (const [index, rule] of (file.data.rules ?? []).entries()) {
    const report = reportAt(['rules', index]);
    if (ids.has(rule.id)) report(['id'], `another rule of this file already has the id \`${rule.id}\``);
    ids.add(rule.id);
    into.rules.push(compileRule(rule, `${file.stem}/${rule.id}`, into.rules.length, vocabulary, file.data.tiers, report));
  }
}

/** What the rules ask of an identity, gathered rule by rule. */
export class IdentityUses {
  #ids = false;
  #emails = false;
  #conditions = false;
  readonly #claims = new Set<string>();

  add({ subjects, when }: { readonly subjects?: RuleText['subjects']; readonly when?: RuleText['when'] }, accounts: CompiledRule['accounts'] = null): void {
    this.#ids ||= subjects?.ids !== undefined;
    this.#emails ||= subjects?.emails !== undefined;
    for (const { source } of accounts ?? []) {
      this.#ids ||= source?.kind === 'id';
      this.#emails ||= source?.kind === 'local';
      if (source?.kind === 'claim') this.#claims.add(source.key);
    }
    this.#conditions ||= when !== undefined;
    for (const key of Object.keys(subjects?.claims ?? {})) this.#claims.add(key);
  }

  get all(): IdentityUse {
    return { ids: this.#ids, emails: this.#emails, claims: [...this.#claims], conditions: this.#conditions };
  }
}

function load(files: readonly PolicyText[], vocabulary: Vocabulary): { readonly checked: CheckedPolicy; readonly compiled: CompiledFiles } {
  const problems: Problem[] = [];
  const parsed: ParsedFile[] = [];
  const stems = new Map<string, string>();
  if (files.length > FILES_LIMIT) problems.push({ path: files[0]?.path ?? '', line: 1, column: 1, message: `there are more than ${FILES_LIMIT} policy files` });
  for (const source of files.slice(0, FILES_LIMIT)) {
    const result = parsePolicyFile(source.path, source.text);
    if ('problems' in result) {
      problems.push(...result.problems);
      continue;
    }
    const other = stems.get(result.file.stem);
    if (other !== undefined)
      problems.push({
        path: source.path,
        line: 1,
        column: 1,
        message: `its rules would have the same names as those of ${other}; give one of the files another name`,
      });
    stems.set(result.file.stem, source.path);
    parsed.push(result.file);
  }
  const compiled: Compiled = { rules: [], defaults: [], problems };
  for (const file of parsed) {
    if (compiled.rules.length + (file.data.rules?.length ?? 0) > RULES_LIMIT) {
      problems.push({ path: file.path, line: 1, column: 1, message: `the policy has more than ${RULES_LIMIT} rules` });
      break;
    }
    compileFile(file, vocabulary, compiled);
  }
  const masking = compileMasking(parsed, vocabulary, (path, message, at, { path: name }) => {
    const file = parsed.find((each) => each.path === name);
    if (file !== undefined) problems.push({ path: name, message, ...file.locate(path, at) });
  });
  if (problems.length > 0) throw policyInvalid(problems);
  const data = parsed.map((file) => ({ stem: file.stem, policy: file.data }));
  const canonical = canonicalJson({ format: 'gw-policy/1', files: data });
  return { checked: { digest: `sha256:${createHash('sha256').update(canonical).digest('hex')}`, canonical, files: data }, compiled: { ...compiled, masking } };
}

/**
 * Parses files and checks every word, for somebody else to compile.
 * @throws GwError `policy.invalid`
 */
export function checkPolicyFiles(files: readonly PolicyText[], protocols: readonly ProtocolDescriptor[]): CheckedPolicy {
  return load(files, buildVocabulary(protocols)).checked;
}

/**
 * Loads a policy from the text of its files, merged in the order given.
 * @throws GwError `policy.invalid` — the message lists the problems, each with file, line, column and, where there is one, a suggestion.
 */
export function loadPolicy(files: readonly PolicyText[], protocols: readonly ProtocolDescriptor[], options: LoadOptions = {}): LoadedPolicy {
  const vocabulary = buildVocabulary(protocols);
  const { checked, compiled } = load(files, vocabulary);
  const uses = new IdentityUses();
  for (const { policy } of checked.files) {
    for (const mask of policy.masks ?? []) uses.add({ subjects: mask.subjects });
  }
  for (const [index, rule] of checked.files.flatMap(({ policy }) => policy.rules ?? []).entries()) uses.add(rule, compiled.rules[index]?.accounts);
  return createPolicySet({
    digest: checked.digest,
    canonical: checked.canonical,
    sources: files.map((source) => ({ path: source.path, text: source.text })),
    rules: compiled.rules,
    defaults: compiled.defaults,
    masking: compiled.masking,
    use: uses.all,
    vocabulary,
    clock: options.clock ?? systemClock,
  });
}
