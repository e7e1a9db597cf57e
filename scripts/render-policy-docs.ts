/** The text of schema/policy.schema.json and docs/reference/policy.md, both from the policy's own schema and the protocols' descriptors. */
import type { ProtocolDescriptor } from '../src/contract/protocol.js';
import { policyJsonSchema } from '../src/policy/index.js';

type Json = Readonly<Record<string, unknown>>;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (text: string): string => `\`${text}\``;
const asJson = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

function typeOf(schema: Json): string {
  if (schema['const'] !== undefined) return code(String(schema['const']));
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => code(String(value))).join(', ');
  if (Array.isArray(schema['anyOf'])) return [...new Set(schema['anyOf'].map((each) => typeOf(asJson(each))))].join(' or ');
  if (Array.isArray(schema['oneOf'])) return 'a word';
  if (schema['type'] === 'array')
    return `list of ${typeOf(asJson(schema['items']))}`.replace(/^list of a (word)$/, 'list of $1s').replace(/^list of mapping$/, 'list of mappings');
  if (schema['type'] === 'object') return 'mapping';
  return schema['type'] === 'string' ? 'text' : schema['type'] === 'boolean' ? 'true or false' : asText(schema['type']);
}

/** The keys of one mapping. */
function keys(schema: Json): string {
  const required = Array.isArray(schema['required']) ? (schema['required'] as readonly unknown[]) : [];
  const rows = Object.entries(asJson(schema['properties'])).map(([name, value]) => {
    const property = asJson(value);
    return [code(name) + (required.includes(name) ? ' (required)' : ''), typeOf(property), asText(property['description'])];
  });
  return table(['key', 'value', 'meaning'], rows);
}

const at = (schema: Json, ...path: readonly string[]): Json => path.reduce((node, step) => asJson(node[step]), schema);

const BY_RULE = { everyone: ' Takes a rule: `defaults` do not allow it.', agents: ' For agents it takes a rule: `defaults` do not allow it to them.' } as const;

function protocolReference(protocol: ProtocolDescriptor): string {
  const factRows = protocol.facts.map((fact) => [
    code(fact.name),
    fact.values === null
      ? { string: 'text', strings: 'list of text', number: 'number', boolean: 'true or false' }[fact.type]
      : fact.values.map(code).join(', '),
    fact.description,
  ]);
  return `## ${protocol.title} (\`${protocol.kind}\`)

### Actions

${table(
  ['action', 'meaning', 'facts'],
  protocol.actions.map((action) => [
    code(action.name),
    action.description + (action.byRule === undefined ? '' : BY_RULE[action.byRule]),
    action.facts.map(code).join(', '),
  ]),
)}
### Facts

${table(['fact', 'values', 'meaning'], factRows)}
### Resources

${table(
  ['type', 'name'],
  Object.entries(protocol.resources).map(([type, parts]) => [code(type), code(parts.join('.'))]),
)}`;
}

/** Both generated texts. */
export function renderPolicyDocs(protocols: readonly ProtocolDescriptor[]): { readonly schema: string; readonly reference: string } {
  const schema = policyJsonSchema(protocols);
  const rule = at(schema, 'properties', 'rules', 'items');
  const reference = `# Policy reference

Generated from the schema and the protocols' descriptors by \`scripts/generate-policy-docs.ts\`; do not edit. The guide is [policy](../policy.md).

## File

${keys(schema)}
### \`tiers\`, each of \`low\`, \`medium\`, \`high\`, \`critical\`

${keys(at(schema, 'properties', 'tiers', 'additionalProperties'))}
### \`defaults\`, each entry

${keys(at(schema, 'properties', 'defaults', 'items'))}
### \`rules\`, each entry

${keys(rule)}
### \`subjects\`

${keys(at(rule, 'properties', 'subjects'))}
### \`targets\`

${keys(at(rule, 'properties', 'targets'))}
### \`during\`

${keys(asJson((at(rule, 'properties', 'during')['anyOf'] as readonly unknown[])[0]))}
### \`approval\`

${keys(at(rule, 'properties', 'approval'))}
### \`limits\`

${keys(at(rule, 'properties', 'limits'))}
### \`break_glass\`

${keys(at(rule, 'properties', 'break_glass'))}
## Words of every protocol

${table(
  ['action', 'meaning'],
  [
    ['`connect`', 'Open a session. Denied unless a rule allows it.'],
    ['`*`', 'Every operation; never `connect`, and in an allow rule never `unknown`.'],
    ['`unknown`', 'What could not be understood. Allowed only by a rule that names it.'],
  ],
)}
${protocols.map(protocolReference).join('\n')}`;
  return { schema: `${JSON.stringify(schema, null, 2)}\n`, reference };
}
