/** The schema for editors: its shape is that of the loader, its words are those of the protocols. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { renderPolicyDocs } from '../../scripts/render-policy-docs.js';
import { policyJsonSchema } from '../../src/policy/index.js';
import { protocols as real } from '../../src/protocols/index.js';
import { protocols } from './fixture-protocols.js';

const schema = policyJsonSchema(protocols) as unknown as {
  additionalProperties: boolean;
  required: string[];
  properties: { rules: { items: { additionalProperties: boolean; required: string[]; properties: Record<string, Record<string, never>> } } };
};
const rule = schema.properties.rules.items;
const words = (items: unknown): string[] => (items as { oneOf: { const: string }[] }).oneOf.map((each) => each.const);

test('knows every key that the loader knows, and no other', () => {
  expect(schema.required).toEqual(['version']);
  expect(schema.additionalProperties).toBe(false);
  expect(rule.additionalProperties).toBe(false);
  expect(rule.required.sort()).toEqual(['actions', 'effect', 'id']);
  expect(Object.keys(rule.properties)).toEqual([
    'id',
    'effect',
    'tier',
    'during',
    'description',
    'subjects',
    'targets',
    'actions',
    'resources',
    'columns',
    'facts',
    'when',
    'approval',
    'limits',
    'break_glass',
    'record',
    'as',
    'message',
    'hint',
  ]);
});

test('offers the words of the protocols', () => {
  expect(words(rule.properties['actions']?.['items'])).toEqual(['connect', '*', 'unknown', 'select', 'insert', 'delete', 'drop', 'set', 'run']);
  expect(Object.keys(rule.properties['facts']?.['properties'] ?? {})).toEqual(['where', 'rows', 'cascade', 'tags', 'reason']);
  expect(rule.properties['facts']?.['additionalProperties']).toBe(false);
  expect(rule.properties['facts']?.['properties']?.['where']).toMatchObject({
    anyOf: [{ enum: ['none', 'vacuous', 'effective', 'unknown'] }, { type: 'array' }],
  });
  expect(rule.properties['resources']?.['items']).toMatchObject({
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    properties: { relation: {}, setting: {}, command: {} },
  });
});

test('the reference names every word', () => {
  const { reference } = renderPolicyDocs(protocols);
  for (const word of [
    '`connect`',
    '`delete`',
    '`where`',
    '`vacuous`',
    '`relation`',
    '`schema.name`',
    '`emails`',
    '`when`',
    '`quorum`',
    '`zone`',
    '`statements`',
    '`for`',
    'Shell (`shell`)',
  ])
    expect(reference).toContain(word);
});

test('the committed schema and reference are those of the real protocols (`npm run generate` renews them)', () => {
  const made = renderPolicyDocs(real.map((protocol) => protocol.descriptor));
  const committed = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  expect(committed('schema/policy.schema.json')).toBe(made.schema);
  expect(committed('docs/reference/policy.md')).toBe(made.reference);
});
