/** The policies that the guide shows are policies: they load, and the mistake that it shows is reported as it says. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../../src/protocols/index.js';

const guide = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');
const descriptors = protocols.map((protocol) => protocol.descriptor);
const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)]
  .map((match) => match[1] ?? '')
  .filter((block) => /^(version|defaults|tiers|rules|\s+- id):?/m.test(block));

const whole = (block: string): string =>
  block.includes('version: 1') ? block : /^(tiers|defaults|rules):/.test(block) ? `version: 1\n${block}` : `version: 1\nrules:\n${block}`;

test('the guide shows policies', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(3);
});

test.each(blocks)('loads: %s', (block) => {
  expect(loadPolicy([{ path: 'guide.yaml', text: whole(block) }], descriptors).digest).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test('the mistake in the guide is reported as the guide says', () => {
  const said = /^policy\/team\.yaml:.*$/m.exec(guide)?.[0];
  const text = (blocks[0] ?? '').replace('select', 'selct');
  expect(() => loadPolicy([{ path: 'policy/team.yaml', text }], descriptors)).toThrow(expect.objectContaining({ code: 'policy.invalid', message: said }));
});
