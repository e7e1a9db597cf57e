/** Writes schema/gateway.schema.json and docs/reference/configuration.md; `test/config` holds them fresh. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { renderConfigDocs } from './render-config-docs.js';

const { schema, reference } = renderConfigDocs();
for (const directory of ['schema', 'docs/reference']) mkdirSync(new URL(`../${directory}/`, import.meta.url), { recursive: true });
writeFileSync(new URL('../schema/gateway.schema.json', import.meta.url), schema);
writeFileSync(new URL('../docs/reference/configuration.md', import.meta.url), reference);
