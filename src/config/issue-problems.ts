/** Turns what the schema complains about into problems with positions, in words that say what was found and what would be right. */
import type { z } from 'zod';
import { closestWord } from '../base/closest-word.js';
import { type JsonSchema, knownKeys } from './gateway-json-schema.js';
import type { ConfigPath, Problem, YamlSource } from './yaml-source.js';

type Issue = z.core.$ZodIssue;

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map of keys',
  record: 'a map of keys',
  array: 'a list',
};

function found(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of keys';
  return typeof value === 'string' ? 'text' : `the ${typeof value} ${String(value)}`;
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Readonly<Record<string | number, unknown>>)[part];
  }
  return current;
}

/** Problems out of the issues of a failed parse of `source.value`. */
export function issueProblems(issues: readonly Issue[], source: YamlSource, schema: JsonSchema, base: ConfigPath = []): Problem[] {
  return issues.flatMap((issue) => {
    const path: ConfigPath = [...base, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
    const value = valueAt(source.value, path);
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => source.atKey([...path, key], unknownKey(key, knownKeys(schema, path))));
      case 'invalid_type': {
        if (value === undefined || value === null) return [source.at(path, `is required (${NOUNS[issue.expected] ?? issue.expected})`)];
        const quotes = issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean') ? `; put it in quotes: "${String(value)}"` : '';
        return [source.at(path, `must be ${NOUNS[issue.expected] ?? issue.expected}, but is ${found(value)}${quotes}`)];
      }
      case 'invalid_value':
        return [source.at(path, value === undefined ? `is required (${issue.values.map(String).join(' or ')})` : wrongValue(issue, value))];
      case 'invalid_union':
        return unionProblems(issue, source, schema, path, value);
      case 'invalid_key':
        return [source.atKey(path, issue.issues[0]?.message ?? 'is not a key that is allowed here')];
      case 'too_small':
      case 'too_big':
        return [source.at(path, sizeMessage(issue))];
      default:
        return [source.at(path, issue.message)];
    }
  });
}

/** Words for a key that is not known where `known` ones are. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = closestWord(key, known);
  if (near !== null) return `unknown key; did you mean "${near}"?`;
  return known.length === 0 ? 'unknown key' : `unknown key; known here: ${known.join(', ')}`;
}

function wrongValue(issue: Issue & { code: 'invalid_value' }, value: unknown): string {
  if (!issue.message.startsWith('Invalid ')) return issue.message; // a field's own words
  const allowed = issue.values.map(String);
  const near = typeof value === 'string' ? closestWord(value, allowed) : null;
  const shown = typeof value === 'object' ? found(value) : JSON.stringify(value).slice(0, 64);
  return `must be ${allowed.join(' or ')}, but is ${shown}${near === null ? '' : `; did you mean "${near}"?`}`;
}

/** Only the branch that the author was writing is worth complaining about: the one whose kind of value fits. */
function unionProblems(issue: Issue & { code: 'invalid_union' }, source: YamlSource, schema: JsonSchema, path: ConfigPath, value: unknown): Problem[] {
  if (value === undefined || value === null) return [source.at(path, 'is required')];
  const branches = issue.errors;
  const fitting = branches.find((branch) => branch.every((each) => each.path.length > 0 || (each.code !== 'invalid_type' && each.code !== 'invalid_value')));
  if (fitting !== undefined) return issueProblems(fitting, source, schema, path);
  const expected = branches.flatMap((branch) =>
    branch.flatMap((each) =>
      each.code === 'invalid_type'
        ? [NOUNS[each.expected] ?? each.expected]
        : each.code === 'invalid_value'
          ? each.values.map((allowed) => JSON.stringify(allowed))
          : [],
    ),
  );
  return [source.at(path, `must be ${expected.join(' or ')}, but is ${found(value)}`)];
}

function sizeMessage(issue: Issue & { code: 'too_small' | 'too_big' }): string {
  if (!/^Too (small|big)/.test(issue.message)) return issue.message;
  const limit = issue.code === 'too_small' ? `at least ${String(issue.minimum)}` : `at most ${String(issue.maximum)}`;
  const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
  return `must ${unit === '' ? 'be' : 'have'} ${limit}${unit}`;
}
