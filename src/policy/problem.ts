/**
 * What is wrong with a policy file, where, and what to write instead. All problems of all files are gathered before the load fails, so
 * that an author sees them at once.
 */
import { GwError } from '../contract/gw-error.js';

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

export interface Problem extends Position {
  readonly path: string;
  readonly message: string;
}

/** Where something stands in a file: keys and indexes from the root. */
export type DataPath = readonly (string | number)[];

/** Takes a complaint about the value (or the key) at a path. */
export type Report = (path: DataPath, message: string, at?: 'key' | 'value') => void;

const SHOWN = 20;

/** One line, `path:line:column: message`, as editors and compilers write it. */
function formatProblem(problem: Problem): string {
  return `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`;
}

/** The error for a set of problems (at least one), in the order of files and lines, the first of them in the detail. */
export function policyInvalid(found: readonly Problem[]): GwError {
  const files = [...new Set(found.map((problem) => problem.path))];
  const problems = files.flatMap((path) => found.filter((problem) => problem.path === path).sort((a, b) => a.line - b.line || a.column - b.column));
  const lines = problems.slice(0, SHOWN).map(formatProblem);
  if (problems.length > SHOWN) lines.push(`… and ${problems.length - SHOWN} more`);
  const first = problems[0];
  return new GwError('policy.invalid', lines.join('\n'), {
    detail: {
      problems: problems.length,
      ...(first === undefined ? {} : { file: first.path, line: first.line, column: first.column }),
    },
  });
}
