/** The JSON schema of gateway.yaml, for editors, the reference and suggestions, with each protocol's options merged in. */
import { z } from 'zod';
import type { ConfigProtocols } from './gateway-config.js';
import { gatewaySchemaZod } from './gateway-schema.js';
import type { ConfigPath } from './yaml-source.js';

/** The part of JSON schema that is used here. */
export interface JsonSchema {
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly if?: JsonSchema;
  readonly then?: JsonSchema;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

/** JSON schema (draft 2020-12) of what may be written in the file. The same protocols give the same bytes. */
export function gatewaySchema(protocols: ConfigProtocols): JsonSchema {
  const generated: unknown = z.toJSONSchema(gatewaySchemaZod, { io: 'input' });
  const root = generated as JsonSchema;
  const kinds = Object.keys(protocols).sort();
  const target = root.properties?.['targets']?.items;
  const listener = root.properties?.['gateway']?.properties?.['native']?.items;
  const withKinds = (schema: JsonSchema | undefined): JsonSchema => ({
    ...schema,
    properties: { ...schema?.properties, protocol: { ...schema?.properties?.['protocol'], ...(kinds.length === 0 ? {} : { enum: kinds }) } },
  });
  const options = kinds.map((kind) => ({
    if: { properties: { protocol: { const: kind } }, required: ['protocol'] },
    // A nested `$schema` would make it a schema of its own; it is a part of this one.
    then: { properties: { options: { ...protocols[kind]?.optionsSchema, $schema: undefined } } },
  }));
  const merged = {
    ...root,
    title: 'gw gateway configuration',
    properties: {
      ...root.properties,
      gateway: {
        ...root.properties?.['gateway'],
        properties: {
          ...root.properties?.['gateway']?.properties,
          native: { ...root.properties?.['gateway']?.properties?.['native'], items: withKinds(listener) },
        },
      },
      targets: { ...root.properties?.['targets'], items: { ...withKinds(target), ...(options.length === 0 ? {} : { allOf: options }) } },
    },
  };
  const plain: unknown = JSON.parse(JSON.stringify(merged));
  return plain as JsonSchema;
}

/** Keys that the schema knows at `path`; empty where any key may stand or the path leads nowhere. */
export function knownKeys(schema: JsonSchema, path: ConfigPath): readonly string[] {
  let places: readonly JsonSchema[] = [schema];
  for (const part of path) {
    places = places
      .flatMap((place) => [place, ...(place.anyOf ?? [])])
      .flatMap((place) => {
        const next = typeof part === 'number' ? place.items : (place.properties?.[part] ?? place.additionalProperties);
        return typeof next === 'object' ? [next] : [];
      });
  }
  return places.flatMap((place) => [place, ...(place.anyOf ?? [])]).flatMap((place) => Object.keys(place.properties ?? {}));
}
