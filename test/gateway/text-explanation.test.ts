/** `gw policy explain` of what is said at a host: where values in it are hidden from whom, without asking the host. */
import { expect, it } from 'vitest';
import { createMaskingAnswers } from '../../src/gateway/masking-answers.js';
import { loadPolicy } from '../../src/policy/index.js';
import { ssh } from '../../src/protocols/ssh/index.js';
import { identity } from '../policy/fixture-protocols.js';
import { maskingForTests } from '../support/masking.js';

it('says what a command shows to people and to agents', async () => {
  const policy = loadPolicy(
    [
      {
        path: 'p.yaml',
        text: 'version: 1\nclasses: { ssn: { detect: true, screen: true } }\nmasks: [{ id: agents, subjects: { kinds: [agent] }, classes: [ssn], output: true }]',
      },
    ],
    [ssh.descriptor],
  );
  const answers = createMaskingAnswers({ policy: { current: () => policy }, path: {} as never, inheritedTags: {} as never, masking: maskingForTests() });
  const target = { name: 'web-1', protocol: 'ssh', labels: {} } as never;
  const explained = async (kind: 'person' | 'agent') =>
    (await answers.explain({ token: '' as never, address: '' }, identity({ kind }), target, 'uptime', false))?.text;
  expect(await explained('person')).toEqual([{ class: 'ssn', terminal: 'partial', output: 'clear', record: 'partial', rule: null }]);
  expect(await explained('agent')).toEqual([{ class: 'ssn', terminal: 'partial', output: 'partial', record: 'partial', rule: null }]);
});
