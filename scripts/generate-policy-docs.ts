/** Writes schema/policy.schema.json and docs/reference/policy.md; `test/policy` holds them fresh. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { protocols } from '../src/protocols/index.js';
import { renderPolicyDocs } from './render-policy-docs.js';

const { schema, reference } = renderPolicyDocs(protocols.map((protocol) => protocol.descriptor));
for (const directory of ['schema', 'docs/reference']) mkdirSync(new URL(`../${directory}/`, import.meta.url), { recursive: true });
writeFileSync(new URL('../schema/policy.schema.json', import.meta.url), schema);
writeFileSync(new URL('../docs/reference/policy.md', import.meta.url), reference);
