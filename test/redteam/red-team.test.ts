/**
 * redteam 6a–6c, 6h as far as PostgreSQL: every class against a real server under the shipped guardrails, and the statements of real tools.
 * The whole set runs once; `npm run redteam` prints the same as a score.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { EVERY_CLASS } from './classes/every-class.js';
import { Dice } from './dice.js';
import { type Attack, generateAttacks } from './generate-attacks.js';
import { type RedTeamScore, redTeam, SEED_OF_THE_SUITE } from './red-team.js';
import { RedTeamWorld } from './red-team-world.js';
import { runAttacks } from './run-attacks.js';
import { runHonest } from './run-honest.js';
import { respell } from './spelling.js';

let score: RedTeamScore;
const places = { dir: '/nowhere', victim: 1 };

beforeAll(async () => {
  score = await redTeam({ seed: SEED_OF_THE_SUITE, rounds: 1, proveOneIn: 16 });
}, 600_000);

const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

describe('attacks', () => {
  test('none passes, and nothing of the target is changed', () => {
    const escapes = score.attacks.flatMap((each) => each.escapes);
    expect(escapes.map(({ attack, why }) => [attack.class.name, attack.nesting, why, attack.steps])).toEqual([]);
  });

  test('are at least 5,000, of every class', () => {
    expect(total(score.attacks.map((each) => each.held))).toBeGreaterThanOrEqual(5_000);
    for (const each of score.attacks) expect(each.held, each.class.name).toBeGreaterThan(0);
  });

  test('do harm where no gateway stands in between', () => {
    expect(score.unproved.map(({ attack, why }) => [attack.class.name, attack.nesting, why, attack.steps])).toEqual([]);
    expect(score.proved).toBeGreaterThan(400);
  });
});

describe('honest statements', () => {
  test.each(['psql', 'pg-dump', 'jdbc', 'django', 'bi-tools', 'catalog-browsers'])('of %s all pass', (tool) => {
    expect(score.honest.find((each) => each.tool === tool)).toMatchObject({ refused: [] });
  });

  test('of all tools pass, 500 at least, and most are carried out', () => {
    expect(score.honest.flatMap((each) => each.refused)).toEqual([]);
    const passed = total(score.honest.map((each) => each.passed));
    expect(passed).toBeGreaterThanOrEqual(500);
    expect(total(score.honest.map((each) => each.done))).toBeGreaterThan(passed / 2);
  });

  test('that are refused on purpose are', () => {
    expect(score.letThrough).toEqual([]);
  });
});

describe('the red team itself', () => {
  test('gives the same attacks for the same seed, and others for another', () => {
    const some = EVERY_CLASS.filter(({ name }) => ['truncate', 'merge and upsert', 'programs'].includes(name));
    const texts = (seed: number): string => JSON.stringify(generateAttacks(some, seed, 1, places).map((attack) => attack.steps));
    expect(texts(7)).toBe(texts(7));
    expect(texts(7)).not.toBe(texts(8));
  });

  test('spells one statement in many ways', () => {
    const dice = new Dice(1);
    expect(new Set(Array.from({ length: 200 }, () => respell("delete from bank.accounts where owner like '%'", dice))).size).toBeGreaterThan(190);
  });

  test('would see an escape, and a false refusal', async () => {
    await using world = await RedTeamWorld.start();
    const attacks = generateAttacks(
      EVERY_CLASS.filter(({ name }) => name === 'truncate'),
      1,
      1,
      { dir: world.dir, victim: world.victimPid },
    );
    world.setPolicy(
      'version: 1\ndefaults: [{ operations: allow }]\nrules:\n  - { id: all, effect: allow, actions: [connect, unknown, "*"] }\n  - { id: no-reads, effect: deny, actions: [select] }\n',
    );
    expect((await runAttacks(world, attacks.slice(0, 20))).get('truncate')?.escapes.length).toBeGreaterThan(3);
    expect((await runHonest(world, ['select * from bank.accounts'])).refused).toHaveLength(1);
    // Refused in one step, and done in another: found by the fingerprint, and told apart from the rest of its batch.
    const [first] = attacks;
    const steps = (...texts: string[]): Attack['steps'] => texts.map((text) => ({ text, form: 'simple', values: [] }));
    const mixed = [
      { ...first, steps: steps('select 1 from bank.accounts') },
      { ...first, steps: steps('update bank.audit set id = 2', 'alter table bank.audit no force row level security', 'select 1 from bank.audit') },
      { ...first, steps: steps('select 2 from bank.accounts') },
    ] as Attack[];
    expect((await runAttacks(world, mixed)).get('truncate')?.escapes.map(({ attack }) => attack)).toEqual([mixed[1]]);
  });
});
