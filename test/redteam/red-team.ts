/**
 * The whole exercise, once: attacks on the shipped guardrails, attacks by code that was there before (with the rule that refuses it), proof
 * that attacks are real, and the statements of real tools. `npm run redteam` prints what it gives, and the tests hold it.
 */
import { prepareParser } from '../../src/protocols/postgres/facts/index.js';
import type { AttackClass } from './attack-class.js';
import { EVERY_CLASS } from './classes/every-class.js';
import { type Attack, generateAttacks } from './generate-attacks.js';
import { honestTools, meantToBeRefused } from './honest-statements.js';
import { proveAttack } from './prove-attacks.js';
import { RedTeamWorld } from './red-team-world.js';
import { type ClassScore, runAttacks } from './run-attacks.js';
import { type HonestScore, runHonest } from './run-honest.js';
import { TOOL_TABLES } from './tool-tables.js';

/** What the tests use. `npm run redteam -- --seed N` tries others. */
export const SEED_OF_THE_SUITE = 20_261_126;

export interface RedTeamOptions {
  readonly seed: number;
  /** How often each payload goes through each place, each time in another spelling. */
  readonly rounds: number;
  /** One attack in so many is shown on the bare server first; 0: none. */
  readonly proveOneIn: number;
}

export interface RedTeamScore {
  readonly attacks: readonly (ClassScore & { readonly class: AttackClass })[];
  readonly proved: number;
  readonly unproved: readonly { readonly attack: Attack; readonly why: string }[];
  readonly honest: readonly (HonestScore & { readonly tool: string })[];
  /** What tools send and the guardrails refuse on purpose, and did not. */
  readonly letThrough: readonly string[];
}

export async function redTeam(options: RedTeamOptions): Promise<RedTeamScore> {
  await prepareParser();
  return { ...(await attackWith(EVERY_CLASS, options)), ...(await honestly()) };
}

async function attackWith(
  classes: readonly AttackClass[],
  { seed, rounds, proveOneIn }: RedTeamOptions,
): Promise<Pick<RedTeamScore, 'attacks' | 'proved' | 'unproved'>> {
  await using world = await RedTeamWorld.start();
  const attacks = generateAttacks(classes, seed, rounds, { dir: world.dir, victim: world.victimPid });
  const scores = await runAttacks(world, attacks);
  const sample = proveOneIn === 0 ? [] : attacks.filter(({ revocable, id }) => revocable && id % proveOneIn === 0);
  const unproved: { attack: Attack; why: string }[] = [];
  await world.clearScratch();
  for (const attack of sample) {
    const why = await proveAttack(world, attack);
    if (why !== null) unproved.push({ attack, why });
  }
  return {
    attacks: classes.map((each) => ({ class: each, ...(scores.get(each.name) ?? { held: 0, escapes: [] }) })),
    proved: sample.length - unproved.length,
    unproved,
  };
}

async function honestly(): Promise<Pick<RedTeamScore, 'honest' | 'letThrough'>> {
  await using world = await RedTeamWorld.start(TOOL_TABLES);
  const honest: (HonestScore & { tool: string })[] = [];
  for (const tool of honestTools()) honest.push({ tool: tool.name, ...(await runHonest(world, tool.statements)) });
  const onPurpose = await runHonest(world, meantToBeRefused());
  const refused = new Set(onPurpose.refused.map(({ sql }) => sql));
  return { honest, letThrough: meantToBeRefused().filter((sql) => !refused.has(sql)) };
}
