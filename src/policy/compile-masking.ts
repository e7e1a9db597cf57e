/**
 * Classes, tags and mask rules out of the text of policy files, every word of them checked. Part of a load. Classes may be described in any
 * of the files, once; a tag may name any class that is described or that gw knows.
 */
import type { Treatment } from '../contract/masking.js';
import type { ConditionRight, Unapproved } from '../contract/masking-policy.js';
import { checkTargets } from './compile-rule.js';
import { compileApproval } from './compile-terms.js';
import { MASKING_CLASSES } from './masking-classes.js';
import { type NamePattern, parseNamePattern } from './name-pattern.js';
import type { ParsedFile } from './parse-file.js';
import type { DataPath, Report } from './problem.js';
import type { ApprovalTerms } from './rule-terms.js';
import type { MaskText, PolicyFileText } from './schema.js';
import { asList, compileSubjects, compileTargets, type SubjectMatcher, type TargetMatcher } from './selector.js';
import { suggestion } from './suggestion.js';
import type { Vocabulary } from './vocabulary.js';

/** A file, or what of it is about sensitive data. */
export interface MaskingSource extends Pick<ParsedFile, 'path' | 'stem'> {
  readonly data: Pick<PolicyFileText, 'classes' | 'data' | 'masks'> & { readonly rules?: PolicyFileText['rules'] };
}

/** Says what is wrong at a place of a file. */
export type Complain = (path: DataPath, message: string, at: 'key' | 'value', file: MaskingSource) => void;

export interface CompiledClass {
  readonly name: string;
  readonly treatment: Treatment;
  readonly detect: boolean;
  readonly screen: boolean;
  readonly output: boolean;
  readonly keepLength: boolean;
  readonly showBin: boolean;
}

export interface CompiledTag {
  readonly classes: readonly string[];
  /** By the number of parts of the column's whole name. */
  readonly patterns: ReadonlyMap<number, NamePattern>;
  readonly targets: TargetMatcher | null;
}

export interface CompiledMask {
  readonly name: string;
  readonly subjects: SubjectMatcher | null;
  readonly targets: TargetMatcher | null;
  /** Null: all. */
  readonly classes: ReadonlySet<string> | null;
  readonly columns: readonly ReadonlyMap<number, NamePattern>[] | null;
  readonly treatment: Treatment | null;
  readonly conditions: ConditionRight | null;
  /** Null: as the class says. */
  readonly output: boolean | null;
  readonly resolveTokens: boolean;
  readonly needsReason: boolean;
  readonly needsApproval: boolean;
  /** Who lets a statement show it; null: nobody is asked by this rule. Its treatment is `clear` then. */
  readonly approval: ApprovalTerms | null;
  /** Also what detectors find in columns without a tag. Then it has `approval`, and `columns`. */
  readonly detected: boolean;
  readonly unapproved: Unapproved;
}

export interface CompiledMasking {
  readonly classes: ReadonlyMap<string, CompiledClass>;
  readonly tags: readonly CompiledTag[];
  readonly masks: readonly CompiledMask[];
}

/** Lists of the parts of columns' names, one for each length. */
function columnParts(vocabulary: Vocabulary): readonly (readonly string[])[] {
  const lists = [...vocabulary.values()].flatMap(({ tagged, resources }) => {
    const parts = tagged === null ? undefined : resources.get(tagged);
    return parts === undefined ? [] : [[...parts, 'column']];
  });
  return [...new Map(lists.map((parts) => [parts.length, parts])).values()];
}

function compileColumn(text: string, parts: readonly (readonly string[])[], complain: (problem: string) => void): ReadonlyMap<number, NamePattern> {
  const patterns = new Map<number, NamePattern>();
  let problem = 'no protocol has columns that can be tagged';
  for (const names of parts) {
    const result = parseNamePattern(text, names);
    if (result.ok) patterns.set(names.length, result.pattern);
    else problem = result.problem;
  }
  if (patterns.size === 0) complain(`\`${text}\` is not the name of a column: ${problem}`);
  return patterns;
}

/** Classes that any of the files describes, and those that gw knows. */
function compileClasses(files: readonly MaskingSource[], complain: Complain): Map<string, CompiledClass> {
  const classes = new Map<string, CompiledClass>(
    Object.entries(MASKING_CLASSES).map(([name, { treatment }]) => [
      name,
      { name, treatment, detect: false, screen: false, output: false, keepLength: false, showBin: false },
    ]),
  );
  const described = new Map<string, string>();
  for (const file of files) {
    for (const [name, entry] of Object.entries(file.data.classes ?? {})) {
      const report = (message: string, ...path: DataPath): void => complain(['classes', name, ...path], message, 'key', file);
      const known = Object.hasOwn(MASKING_CLASSES, name) ? MASKING_CLASSES[name] : undefined;
      if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) report(`the name of a class is made of lower-case letters, digits and underscores: \`${name}\``);
      const other = described.get(name);
      if (other !== undefined) report(`class \`${name}\` is described in ${other} already`);
      described.set(name, file.path);
      if (entry.detect === true && known?.detector !== true) report(`gw has no detector for class \`${name}\``, 'detect');
      for (const key of ['screen', 'output'] as const)
        if (entry[key] === true && entry.detect !== true) report(`\`${key}\` is for what detectors find: say \`detect: true\`, too`, key);
      if (entry.show_bin === true && name !== 'pan') report('`show_bin` is about card numbers: it belongs to class `pan`', 'show_bin');
      classes.set(name, {
        name,
        treatment: entry.treatment ?? known?.treatment ?? 'mask',
        detect: entry.detect ?? false,
        screen: entry.screen ?? false,
        output: entry.output ?? false,
        keepLength: entry.keep_length ?? false,
        showBin: entry.show_bin ?? false,
      });
    }
  }
  return classes;
}

function checkApproval(mask: MaskText, report: Report): void {
  if (mask.approval === undefined) {
    if (mask.unapproved !== undefined)
      report(['unapproved'], '`unapproved` says what becomes of a statement that nobody approves, and stands beside `approval`', 'key');
    return;
  }
  if (mask.treatment !== 'clear') report(['approval'], '`approval` lets people show a class in clear, so it stands beside `treatment: clear`', 'key');
  for (const key of ['conditions', 'output', 'resolve_tokens'] as const)
    if (mask[key] !== undefined)
      report([key], `\`${key}\` is asked for before people are, so it cannot stand beside \`approval\`; write a mask of its own for it`, 'key');
  if (mask.needs_approval !== undefined)
    report(['needs_approval'], '`needs_approval` counts approvals that other rules ask for; beside `approval`, which asks itself, leave it out', 'key');
}

/** What is asked about without a tag has to be found, and has to be named: nearly every statement shows some text. */
function checkDetected({ detected, approval, columns, classes: named }: MaskText, classes: ReadonlyMap<string, CompiledClass>, report: Report): void {
  if (detected === undefined) return;
  if (approval === undefined) report(['detected'], '`detected` lets people show what is found in text without a tag, so it stands beside `approval`', 'key');
  if (columns === undefined)
    report(['detected'], "`detected` has each statement held that shows such a text: say of which `columns`, such as `'*.tickets.body'`", 'key');
  for (const [place, name] of (named ?? []).entries())
    if (classes.get(name)?.detect === false)
      report(['classes', place], `class \`${name}\` is not looked for in text, so nothing of it is \`detected\`: give the class \`detect: true\``);
  if (named === undefined && ![...classes.values()].some(({ detect }) => detect))
    report(['detected'], 'no class is looked for in text, so nothing is `detected`: give one `detect: true`', 'key');
}

function compileMask(mask: MaskText, name: string, parts: readonly (readonly string[])[], report: Report): CompiledMask {
  if (mask.treatment === undefined && mask.conditions === undefined && mask.output === undefined && mask.resolve_tokens === undefined)
    report([], 'says nothing: give it a `treatment`, `conditions`, `output` or `resolve_tokens`');
  if (mask.output !== undefined && mask.columns !== undefined)
    report(['output'], '`output` is about text, which has no columns: write a mask of its own for it, without `columns`', 'key');
  checkApproval(mask, report);
  return {
    name,
    subjects: compileSubjects(mask.subjects),
    targets: compileTargets(mask.targets),
    classes: mask.classes === undefined ? null : new Set(mask.classes),
    columns: mask.columns?.map((text, index) => compileColumn(text, parts, (problem) => report(['columns', index], problem))) ?? null,
    treatment: mask.treatment ?? null,
    conditions: mask.conditions ?? null,
    output: mask.output ?? null,
    resolveTokens: mask.resolve_tokens === true,
    needsReason: mask.needs_reason === true,
    needsApproval: mask.needs_approval === true,
    approval: compileApproval(mask.approval),
    detected: mask.detected === true,
    unapproved: mask.unapproved ?? 'refused',
  };
}

/** Compiles what the files say about sensitive data; of use only when there was no complaint. */
export function compileMasking(files: readonly MaskingSource[], vocabulary: Vocabulary, complain: Complain): CompiledMasking {
  const classes = compileClasses(files, complain);
  const parts = columnParts(vocabulary);
  const tags: CompiledTag[] = [];
  const masks: CompiledMask[] = [];
  for (const file of files) {
    const reportAt =
      (prefix: DataPath): Report =>
      (path, message, at = 'value') =>
        complain([...prefix, ...path], message, at, file);
    const checkClass = (name: string, path: DataPath, report: Report): void => {
      if (!classes.has(name)) report(path, `unknown class \`${name}\`${suggestion(name, [...classes.keys()])}; describe it under \`classes\``);
    };
    for (const [text, entry] of Object.entries(file.data.data ?? {})) {
      const report = reportAt(['data', text]);
      checkTargets(entry.targets, vocabulary, report);
      const names = asList(entry.class);
      for (const name of names) checkClass(name, ['class'], report);
      const patterns = compileColumn(text, parts, (problem) => report([], problem, 'key'));
      tags.push({ classes: names, patterns, targets: compileTargets(entry.targets) });
    }
    const ids = new Set((file.data.rules ?? []).map(({ id }) => id));
    for (const [index, mask] of (file.data.masks ?? []).entries()) {
      const report = reportAt(['masks', index]);
      if (ids.has(mask.id)) report(['id'], `another rule or mask of this file already has the id \`${mask.id}\``);
      ids.add(mask.id);
      checkTargets(mask.targets, vocabulary, report);
      for (const [place, name] of (mask.classes ?? []).entries()) checkClass(name, ['classes', place], report);
      checkDetected(mask, classes, report);
      masks.push(compileMask(mask, `${file.stem}/${mask.id}`, parts, report));
    }
  }
  return { classes, tags, masks };
}
