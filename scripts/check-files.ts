/**
 * Gate: the shape of source files. Long files, files without a word of purpose, names that say nothing, and comments that switch a gate
 * off or put work off. Prints every violation with its reason; exits 1 when there is one. Length warns at 300 lines and fails at 500.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { trackedFiles } from './tracked-files.js';

const WARN = 300;
const FAIL = 500;
/** Names that say "things": a file is named for the one thing that it exports. */
const EMPTY_NAME = /^(utils?|helpers?|misc|common|shared|.*-?manager|.*-(utils?|helpers?))\.ts$/;
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  // Spelled in two parts, so that this file does not contain what it forbids.
  [new RegExp(`\\b(?:TO${'DO'}|FIX${'ME'}|XX${'X'}|HA${'CK'})\\b`), 'work put off belongs in an issue; what is not built is refused with a clear error'],
  [
    new RegExp(`(?:eslint-dis${'able'}|biome-ig${'nore'}|@ts-ig${'nore'}|@ts-no${'check'})`),
    'a gate is not switched off inline; change the rule where everyone sees it',
  ],
];

let violations = 0;
const fail = (file: string, line: number, why: string): void => {
  violations += 1;
  process.stdout.write(`${file}:${line} ${why}\n`);
};

for (const file of trackedFiles().filter((name) => /^(src|test|bench|scripts|bin)\/.*\.(ts|mjs|js)$/.test(name))) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  if (count > FAIL) fail(file, count, `has ${count} lines, the limit is ${FAIL}: split it by phase or by noun`);
  else if (count > WARN) process.stdout.write(`warning: ${file} has ${count} lines; at ${WARN} think about splitting it, at ${FAIL} it fails\n`);
  if (EMPTY_NAME.test(basename(file))) fail(file, 1, 'says nothing by its name: name it for the one thing that it exports');
  // Commands carry their purpose in `static description`, and tests in the name of their suite: that is what people read.
  const headed = lines.slice(0, 2).some((line) => line.startsWith('/**') || line.startsWith('//') || line.startsWith('/*'));
  if (!headed && !file.startsWith('src/commands/') && !file.endsWith('.test.ts'))
    fail(file, 1, 'does not begin with a comment on its purpose, its place in the path and its invariants');
  for (const [index, line] of lines.entries()) {
    for (const [pattern, why] of FORBIDDEN) if (pattern.test(line)) fail(file, index + 1, why);
  }
}
process.exitCode = violations > 0 ? 1 : 0;
