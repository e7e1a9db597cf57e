/**
 * The JSON schema of a policy file, for editors: the shape from `schema.ts`, the words from the protocols' descriptors. An aid to
 * writing; what is valid is decided by `loadPolicy`, which also knows what a condition or a name pattern may be.
 */
import { z } from 'zod';
import { GwError } from '../contract/gw-error.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import { policyFileSchema } from './schema.js';

type Json = Record<string, unknown>;

function child(node: Json, ...path: readonly string[]): Json {
  let current: unknown = node;
  for (const step of path) current = (current as Json)[step];
  if (typeof current !== 'object' || current === null) throw new GwError('internal.error', `The policy schema has no ${path.join('.')}.`);
  return current as Json;
}

const described = (value: string, description: string): Json => ({ const: value, description });

/** One value or a list of values of `item`. */
const oneOrMore = (item: Json, description: string): Json => ({ description, anyOf: [item, { type: 'array', minItems: 1, items: item }] });

function actionWords(protocols: readonly ProtocolDescriptor[]): Json[] {
  const words = new Map<string, string>([
    ['connect', 'Open a session. Denied unless a rule allows it.'],
    ['*', 'Every operation; never `connect`, and in an allow rule never `unknown`.'],
    ['unknown', 'What could not be understood. Allowed only by a rule that names it.'],
  ]);
  for (const protocol of protocols) {
    for (const action of protocol.actions) {
      const before = words.get(action.name);
      words.set(
        action.name,
        before === undefined || action.name === 'unknown' ? `${protocol.kind}: ${action.description}` : `${before} ${protocol.kind}: ${action.description}`,
      );
    }
  }
  return [...words].map(([word, description]) => described(word, description));
}

function factProperties(protocols: readonly ProtocolDescriptor[]): Json {
  const properties: Json = {};
  for (const protocol of protocols) {
    for (const fact of protocol.facts) {
      const item: Json =
        fact.type === 'number'
          ? { type: 'number' }
          : fact.type === 'boolean'
            ? { type: 'boolean' }
            : fact.values === null
              ? { type: 'string' }
              : { enum: [...fact.values] };
      const before = properties[fact.name] as Json | undefined;
      const property = oneOrMore(item, `${protocol.kind}: ${fact.description}`);
      properties[fact.name] =
        before === undefined
          ? property
          : {
              anyOf: [...((before['anyOf'] as Json[] | undefined) ?? []), ...(property['anyOf'] as Json[])],
              description: `${String(before['description'])} ${String(property['description'])}`,
            };
    }
  }
  return properties;
}

function resourceProperties(protocols: readonly ProtocolDescriptor[]): Json {
  const properties: Json = {};
  for (const protocol of protocols) {
    for (const [type, parts] of Object.entries(protocol.resources)) {
      properties[type] = oneOrMore(
        { type: 'string' },
        `${protocol.kind}: pattern for \`${parts.join('.')}\`; \`*\` stands for any run of characters within one part.`,
      );
    }
  }
  return properties;
}

/** The schema, as plain data. The order of its keys is stable. */
export function policyJsonSchema(protocols: readonly ProtocolDescriptor[]): Json {
  const schema = z.toJSONSchema(policyFileSchema, { io: 'input' }) as Json;
  const rule = child(schema, 'properties', 'rules', 'items', 'properties');
  child(rule, 'actions')['items'] = { oneOf: actionWords(protocols) };
  const facts = child(rule, 'facts');
  delete facts['propertyNames'];
  facts['properties'] = factProperties(protocols);
  facts['additionalProperties'] = false;
  const resource = child(rule, 'resources', 'items');
  delete resource['propertyNames'];
  resource['properties'] = resourceProperties(protocols);
  resource['additionalProperties'] = false;
  resource['minProperties'] = 1;
  resource['maxProperties'] = 1;
  const kinds = protocols.map((protocol) => described(protocol.kind, protocol.title));
  const holders = [
    rule,
    child(schema, 'properties', 'defaults', 'items', 'properties'),
    child(schema, 'properties', 'masks', 'items', 'properties'),
    child(schema, 'properties', 'data', 'additionalProperties', 'properties'),
  ];
  for (const holder of holders) {
    child(holder, 'targets', 'properties', 'protocols')['items'] = { oneOf: kinds };
  }
  return { title: 'gw policy, version 1', ...schema };
}
