/**
 * Policy files in, policy set out: parse, check every word, compile, name by digest. Pure (the clock is used by decisions only), and all
 * or nothing: a set exists only when every file is right.
 */
import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import { canonicalJson } from './canonical-json.js';
import { checkTargets, compileRule } from './compile-rule.js';
import type { CompiledRule } from './compiled-rule.js';
import { type ParsedFile, parsePolicyFile } from './parse-file.js';
import { type CompiledDefault, createPolicySet, type LoadedPolicy, type PolicyText } from './policy-set.js';
import { type DataPath, type Problem, policyInvalid } from './problem.js';
import type { RuleText } from './schema.js';
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

/**
 * Loads a policy from the text of its files, merged in the order given.
 * @throws GwError `policy.invalid` — the message lists the problems, each with file, line, column and, where there is one, a suggestion.
 */
export function loadPolicy(files: readonly PolicyText[], protocols: readonly ProtocolDescriptor[], options: LoadOptions = {}): LoadedPolicy {
  const vocabulary = buildVocabulary(protocols);
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
  if (problems.length > 0) throw policyInvalid(problems);

  const canonical = canonicalJson({ format: 'gw-policy/1', files: parsed.map((file) => ({ stem: file.stem, policy: file.data })) });
  const texts: readonly RuleText[] = parsed.flatMap((file) => file.data.rules ?? []);
  return createPolicySet({
    digest: `sha256:${createHash('sha256').update(canonical).digest('hex')}`,
    canonical,
    sources: files.map((source) => ({ path: source.path, text: source.text })),
    rules: compiled.rules,
    defaults: compiled.defaults,
    use: {
      ids: texts.some((rule) => rule.subjects?.ids !== undefined),
      emails: texts.some((rule) => rule.subjects?.emails !== undefined),
      claims: [...new Set(texts.flatMap((rule) => Object.keys(rule.subjects?.claims ?? {})))],
      conditions: texts.some((rule) => rule.when !== undefined),
    },
    vocabulary,
    clock: options.clock ?? systemClock,
  });
}
