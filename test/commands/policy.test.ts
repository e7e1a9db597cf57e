/** `gw policy …` with the real CLI: files where they are written, and what the gateway is asked. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InheritedTagList } from '../../src/contract/inherited-tags.js';
import type { PolicyExplanation, PolicySimulation, PolicyText } from '../../src/contract/policy-types.js';
import { type FakeGateway, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, type CliResult, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

const POLICY = `version: 1
rules:
  - { id: enter, effect: allow, actions: [connect] }
  - { id: read, effect: allow, actions: [select], resources: [relation: bank.*] }
`;
const TESTS = `version: 1
targets: { db: { protocol: postgres } }
identities: { alice: {} }
tests:
  - { as: alice, target: db, connect: true, expect: allow, by: bank/enter }
  - { as: alice, target: db, statement: SELECT id FROM bank.t, expect: allow, by: bank/read }
`;
const text: PolicyText = {
  digest: `sha256:${'a'.repeat(64)}`,
  since: '2026-11-01T00:00:00.000Z',
  canonical: '{"a":1}',
  files: [{ path: 'p.yaml', text: 'version: 1 \u001b[2J\n' }],
};
const explanation: PolicyExplanation = {
  as: { issuer: 'i', subject: 's', name: 'alice', kind: 'person', groups: ['engineers'] },
  target: 'bank-db',
  statement: 'DROP TABLE t',
  summary: 'drops t',
  unknown: [],
  decision: {
    effect: 'deny',
    rule: 'p/no',
    policy: text.digest,
    reasons: ['drop on t: denied by rule p/no'],
    hint: 'do not',
    warnings: ['mind'],
    limits: null,
    approval: null,
    tier: 'critical',
  },
  effects: [
    {
      what: 'drop on t',
      action: 'drop',
      resource: 'relation t',
      columns: null,
      facts: { cascade: false },
      rules: [
        { rule: 'p/no', effect: 'deny', applies: 'yes', why: 'it applies' },
        { rule: 'p/read', effect: 'allow', applies: 'no', why: 'it is not about drop' },
      ],
    },
  ],
  masking: {
    text: [{ class: 'pan', terminal: 'partial', output: 'clear', record: 'partial', rule: 'p/agents' }],
    results: [
      [
        { name: 'ssn', from: ['bank.t.ssn'], how: 'unchanged', classes: ['ssn'], shown: 'partial', rule: null, why: 'class ssn, as the class says' },
        { name: 'n', from: [], how: 'unchanged', classes: [], shown: 'clear', rule: null, why: 'nothing that it is made of carries a tag' },
      ],
    ],
    refusal: null,
    inherits: [{ column: 'bank.copy.n', from: ['bank.t.ssn'] }],
    clears: [],
    resolves: ['bank.t.ssn'],
    catalog: true,
  },
  notes: ['a note'],
};
const change = {
  session: 'ses_1',
  sequence: 3,
  at: text.since,
  who: 'alice',
  target: 'bank-db',
  text: 'select 1',
  before: { effect: 'allow', rule: 'p/read' },
  after: { effect: 'deny', rule: null, reasons: [] },
} as const;
const connection = {
  session: 'ses_2',
  at: '2026-11-26T09:00:00.000Z',
  who: 'alice',
  target: 'web-1',
  account: 'deploy',
  before: { effect: 'allow', rule: 'p/connect' },
  after: { effect: 'deny', rule: 'p/no-deploy', reasons: [], accounts: ['gwd', 'backup'] },
} as const;
const simulation: PolicySimulation = {
  policy: text.digest,
  since: text.since,
  sessions: 1,
  operations: 5,
  changed: 1,
  skipped: 0,
  milliseconds: 1,
  groups: [{ before: 'allow by p/read', after: 'deny by default', count: 1, example: change }],
  changes: [change],
  more: false,
  connections: {
    sessions: 3,
    changed: 1,
    skipped: 1,
    groups: [{ before: 'allow by p/connect as deploy', after: 'deny by p/no-deploy as deploy', count: 1, example: connection }],
    changes: [connection],
    more: true,
  },
};

const inherited: InheritedTagList = {
  tags: [
    {
      id: '1',
      part: 'bank',
      relation: ['bank', 'copy'],
      object: '16400',
      column: 2,
      name: 'n',
      from: [['bank', 't', 'ssn']],
      exact: true,
      reason: 'created',
      session: 'ses_1',
      subject: 'alice',
      since: text.since,
    },
    {
      id: '2',
      part: 'bank',
      relation: ['bank', 'next'],
      object: null,
      column: 0,
      name: null,
      from: [['bank', 't', 'ssn']],
      exact: false,
      reason: 'created',
      session: 'ses_1',
      subject: 'alice',
      since: text.since,
    },
  ],
};

let explained: object = explanation;
let home: CliHome;
let gateway: FakeGateway;
beforeAll(async () => {
  home = await makeHome();
  const authority = await makeAuthority();
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    intercept: (request, response) => {
      const answers: Readonly<Record<string, object>> = {
        '/api/v1/policy': text,
        '/api/v1/policy/explain': explained,
        '/api/v1/policy/simulate': simulation,
        '/api/v1/targets/bank-db/inherited-tags': inherited,
      };
      const answer = request.url?.startsWith('/api/v1/policies/') === true ? text : answers[request.url ?? ''];
      if (answer === undefined) return false;
      request.resume();
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      return true;
    },
  });
  await home.trust(gateway.port, authority.ca);
  for (const [name, content] of Object.entries({ 'bank.yaml': POLICY, 'bank.test.yaml': TESTS, 'new.yaml': POLICY.replace('bank.*', 'other.*') }))
    await writeFile(join(home.folder, 'work', name), content);
});
afterAll(async () => {
  await gateway?.close();
  await home?.remove();
});
const run = (...argv: string[]): Promise<CliResult> => home.run(['policy', ...argv], { env: { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice') } });

describe('files', () => {
  it('are checked, with position and suggestion and exit status 2', async () => {
    expect(await run('check', 'bank.yaml')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^valid: 2 rules, sha256:/) as string });
    await writeFile(join(home.folder, 'work', 'broken.yaml'), POLICY.replace('[select]', '[selct]'));
    const wrong = await run('check', 'broken.yaml');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('broken.yaml:4:42: unknown action `selct`; did you mean `select`?')]);
    expect(JSON.parse((await run('check', 'bank.yaml', '--json')).stdout)).toMatchObject({ valid: true, rules: ['bank/enter', 'bank/read'] });
  });

  it('are tested, with exit status 1 when a test fails', async () => {
    expect(await run('test', 'bank.test.yaml')).toMatchObject({ code: 0, stdout: '2 passed, 0 failed\n' });
    await writeFile(join(home.folder, 'work', 'failing.test.yaml'), TESTS.replace('version: 1\n', 'version: 1\npolicy: [new.yaml]\n'));
    const failed = await run('test', '*.test.yaml');
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain('FAIL failing.test.yaml:6 alice on db: connect: allow by new/enter\n     the rule is new/enter, expected bank/enter');
    expect(failed.stdout).toContain('2 passed, 2 failed');
    expect((await run('test', 'bank.yaml')).code).toBe(2);
  });

  it('are compared by meaning and by decisions', async () => {
    expect(await run('diff', 'bank.yaml', 'bank.yaml', '--tests', 'bank.test.yaml')).toMatchObject({ code: 0, stdout: 'no difference\n' });
    const differs = await run('diff', 'bank.yaml', 'new.yaml', '--tests', 'bank.test.yaml');
    expect(differs.code).toBe(1);
    expect(differs.stdout).toContain('- bank/read\n');
    expect(differs.stdout).toContain('+ new/read\n');
    expect(differs.stdout).toContain('! alice on db: SELECT id FROM bank.t: allow by bank/read → deny by default');
  });
});

describe('the gateway', () => {
  it('explains, with every rule only when asked for', async () => {
    const short = await run('explain', '--as', 'alice', '--target', 'bank-db', 'DROP TABLE t');
    expect(short.code).toBe(0);
    for (const words of ['deny by p/no', 'hint: do not', 'warning: mind', 'tier: critical', 'cascade=false', 'note: a note'])
      expect(short.stdout).toContain(words);
    expect(short.stdout).not.toContain('it is not about drop');
    expect((await run('explain', '--all', '--target', 'bank-db', 'DROP TABLE t')).stdout).toContain('it is not about drop');
  });

  it('says where values that stand in text are hidden', async () => {
    expect((await run('explain', '--target', 'bank-db', 'DROP TABLE t')).stdout).toMatch(
      /CLASS {2}ON A TERMINAL {2}WITHOUT ONE {2}IN THE RECORD {2}RULE\npan {4}partial {8}clear {8}partial {8}p\/agents\n/,
    );
  });

  it('says who is asked, and what there is beside asking each time', async () => {
    const approval = { approvers: [{ rule: 'p/ask', groups: ['dba'], quorum: 2 }], grantMs: 3_600_000, breakGlassMs: 900_000 };
    explained = { ...explanation, decision: { ...explanation.decision, effect: 'require_approval', approval } };
    try {
      const { stdout } = await run('explain', '--target', 'bank-db', 'DROP TABLE t');
      expect(stdout).toContain('  approval: 2 of dba (p/ask)\n  ahead of time: access for up to 60 min (gw request create --for)\n');
      expect(stdout).toContain('  in an emergency: --break-glass for 15 min, reviewed afterwards\n');
    } finally {
      explained = explanation;
    }
  });

  it('has no heading for masking where nothing is masked, and no columns where there are none', async () => {
    const [effect] = explanation.effects;
    const nothing = { text: [], results: [], refusal: null, inherits: [], clears: [], resolves: [], catalog: true };
    explained = { ...explanation, effects: [{ ...effect, columns: [] }], masking: nothing };
    try {
      const { stdout } = await run('explain', '--target', 'bank-db', 'DROP TABLE t');
      expect(stdout).toContain('drop on t');
      expect(stdout).not.toMatch(/masking|columns=/);
    } finally {
      explained = explanation;
    }
  });

  it('says which columns inherit which tags, of a statement and of a target', async () => {
    expect((await run('explain', '--target', 'bank-db', 'DROP TABLE t')).stdout).toContain(
      'bank.copy.n inherits the tags of bank.t.ssn\na token that is compared with bank.t.ssn stands for its value\n',
    );
    const env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice') };
    const listed = await home.run(['masking', 'tags', 'bank-db'], { env });
    expect([listed.code, ...listed.stdout.trim().split('\n')]).toEqual([
      0,
      expect.stringMatching(/^bank\tbank\.copy\tn\tbank\.t\.ssn\tthe values\tcreated\tthere\talice\tses_1\t/),
      expect.stringMatching(/^bank\tbank\.next\tall\tbank\.t\.ssn\tcomputed values\tcreated\texpected\talice\tses_1\t/),
    ]);
    expect(JSON.parse((await home.run(['masking', 'tags', 'bank-db', '--json'], { env })).stdout)).toEqual(inherited);
  });

  it('shows the text behind a digest, and exactly the bytes of it', async () => {
    const shown = await run('show', 'sha256:aaaaaaaa');
    expect(shown.stdout).toContain(`# ${text.digest}, in force since 2026-11-01`);
    expect(shown.stdout).toContain('version: 1 \\u{1b}[2J');
    expect((await run('show', '--canonical')).stdout).toBe('{"a":1}');
  });

  it('simulates a candidate', async () => {
    const done = await run('simulate', '--policy', 'new.yaml', '--since', '7d');
    expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('5 operations of 1 sessions since')]);
    expect(done.stdout).toContain('deny by default');
    expect(done.stdout).toContain('3 sessions began: 1 would not be opened as they were, 1 could not be replayed');
    expect(done.stdout).toMatch(/1 +allow by p\/connect as deploy +deny by p\/no-deploy as deploy/);
    expect(done.stdout).toMatch(/ses_2 +alice +web-1\+deploy +allow → deny +p\/no-deploy +gwd backup/);
    expect(done.stdout).toContain('… and more; `connections.groups` counts them all');
    const json = JSON.parse((await run('simulate', '--policy', 'new.yaml', '--json')).stdout) as PolicySimulation;
    expect(json.connections).toEqual(simulation.connections);
    expect((await run('simulate', '--policy', 'new.yaml', '--since', 'yesterday')).code).toBe(2);
    expect((await run('simulate', '--policy', 'nowhere.yaml')).code).toBe(2);
  });
});
