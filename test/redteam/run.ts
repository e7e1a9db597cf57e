/**
 * `npm run redteam`: prints the score of each class, and exits with 1 on any escape, false refusal, attack that is none, or
 * hidden value that is shown. `--seed N` other
 * spellings, `--rounds N` more of them, `--prove-one-in N` (1: show every attack on the bare server first).
 */
import { parseArgs } from 'node:util';
import { maskingLines, scoreMasking } from '../masking/generate/masking-score.js';
import { redTeam, SEED_OF_THE_SUITE } from './red-team.js';
import { scoreLines } from './score-lines.js';

const { values } = parseArgs({ options: { seed: { type: 'string' }, rounds: { type: 'string' }, 'prove-one-in': { type: 'string' } } });
const options = {
  seed: Number(values.seed ?? SEED_OF_THE_SUITE),
  rounds: Number(values.rounds ?? 1),
  proveOneIn: Number(values['prove-one-in'] ?? 8),
};
const score = await redTeam(options);
const { lines, failed } = scoreLines(score, options);
const masking = maskingLines(await scoreMasking({ version: '18', seed: options.seed, count: 6_000 * options.rounds, controlOneIn: 6 }));
process.stdout.write(`${[...lines, ...masking.lines].join('\n')}\n`);
process.exitCode = failed || masking.failed ? 1 : 0;
