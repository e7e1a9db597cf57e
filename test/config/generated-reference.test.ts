import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderConfigDocs } from '../../scripts/render-config-docs.js';
import { protocols } from '../../src/protocols/index.js';
import { configFixture } from './fixture.js';

it('the committed schema and reference are fresh (`npm run generate`)', async () => {
  const { schema, reference } = renderConfigDocs();
  expect(await readFile('schema/gateway.schema.json', 'utf8')).toBe(schema);
  expect(await readFile('docs/reference/configuration.md', 'utf8')).toBe(reference);
});

it('the example of the reference is valid', async () => {
  await using fixture = await configFixture();
  const example = /```yaml\n([\s\S]*?)```/.exec(renderConfigDocs().reference)?.[1] ?? '';
  const { errors } = await fixture.check(example);
  expect(errors).toEqual([]);
});

it('names every protocol and every option of it', () => {
  const { reference } = renderConfigDocs();
  for (const protocol of protocols) {
    expect(reference).toContain(`where \`protocol\` is \`${protocol.kind}\``);
    for (const option of Object.keys((protocol.optionsSchema as { properties?: object }).properties ?? {}))
      expect(reference).toContain(`\`options.${option}\``);
  }
});
