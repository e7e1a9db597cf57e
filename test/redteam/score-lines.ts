/** The score for people: a line for each class and each tool, then every escape and false refusal with what is needed to repeat it. */
import type { RedTeamOptions, RedTeamScore } from './red-team.js';

export function scoreLines(score: RedTeamScore, options: RedTeamOptions): { readonly lines: readonly string[]; readonly failed: boolean } {
  const lines: string[] = [`seed ${options.seed}, rounds ${options.rounds}`, '', `${'attacks'.padEnd(28)}${'held'.padStart(6)}${'escaped'.padStart(9)}`];
  const row = (name: string, good: number, bad: number): void => void lines.push(`${name.padEnd(28)}${String(good).padStart(6)}${String(bad).padStart(9)}`);
  for (const each of score.attacks) row(each.class.name, each.held, each.escapes.length);
  const held = sum(score.attacks.map((each) => each.held));
  const escapes = score.attacks.flatMap((each) => each.escapes);
  row('all', held, escapes.length);
  lines.push(`shown to do harm on the bare server: ${score.proved} of ${score.proved + score.unproved.length} tried`);
  lines.push('', `${'honest statements of'.padEnd(28)}${'passed'.padStart(6)}${'refused'.padStart(9)}`);
  for (const each of score.honest) row(each.tool, each.passed, each.refused.length);
  const refused = score.honest.flatMap((each) => each.refused);
  row('all', sum(score.honest.map((each) => each.passed)), refused.length);
  lines.push(`carried out by the server without an error: ${sum(score.honest.map((each) => each.done))}`);
  for (const { attack, why } of escapes) lines.push('', `ESCAPE #${attack.id} ${attack.class.name}, ${attack.nesting}: ${why}`, JSON.stringify(attack.steps));
  for (const { attack, why } of score.unproved)
    lines.push('', `NO ATTACK #${attack.id} ${attack.class.name}, ${attack.nesting}: ${why}`, JSON.stringify(attack.steps));
  for (const { sql, why } of refused) lines.push('', `FALSE REFUSAL: ${why}`, sql);
  for (const sql of score.letThrough) lines.push('', 'LET THROUGH, though it is refused on purpose:', sql);
  return { lines, failed: escapes.length + refused.length + score.unproved.length + score.letThrough.length > 0 };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
