/** Everything that facts can say is in the vocabulary that policies are checked against. */
import { beforeAll, expect, test } from 'vitest';
import { analyseText, prepareParser } from '../../../../src/protocols/postgres/facts/index.js';
import { actions, facts, resources } from '../../../../src/protocols/postgres/operations.js';
import { STATEMENTS } from './every-statement.js';
import honest from './honest-statements.json' with { type: 'json' };

beforeAll(prepareParser);

const known = new Map(actions.map((action) => [action.name, action]));
const described = new Map(facts.map((fact) => [fact.name, fact]));

test('the vocabulary is closed in itself', () => {
  expect(known.size).toBe(actions.length);
  expect(described.size).toBe(facts.length);
  for (const action of actions) for (const name of action.facts) expect(described.has(name), `${action.name}.${name}`).toBe(true);
  for (const name of described.keys())
    expect(
      actions.some((action) => action.facts.includes(name)),
      name,
    ).toBe(true);
});

test.each([...STATEMENTS, ...honest])('%s', (text) => {
  const analysis = analyseText(text);
  for (const effect of analysis.facts.effects) {
    const action = known.get(effect.action);
    expect(action, effect.action).toBeDefined();
    for (const [name, value] of Object.entries(effect.facts)) {
      expect(action?.facts, `${effect.action}.${name}`).toContain(name);
      const fact = described.get(name);
      expect(fact?.type, name).toBe(Array.isArray(value) ? 'strings' : typeof value);
      if (fact?.values != null && typeof value === 'string') expect(fact.values, name).toContain(value);
    }
    if (effect.resource !== null) {
      expect(effect.resource.name.length, `${effect.action} ${effect.resource.type}`).toBe(resources[effect.resource.type]?.length);
    }
  }
});

test.each(STATEMENTS)('%s is understood', (text) => {
  expect(analyseText(text).facts.unknown).toEqual([]);
});

test('every action occurs', () => {
  const seen = new Set([...STATEMENTS, ...honest, 'do $$x$$', 'call f()'].flatMap((text) => analyseText(text).facts.effects.map((effect) => effect.action)));
  expect(actions.map((action) => action.name).filter((name) => !seen.has(name))).toEqual([]);
});
