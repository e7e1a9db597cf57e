/** The shipped guardrails for hosts, by their own tests. What has no text (shells, forwarding, SFTP) is held against decisions here. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/contract/identity.js';
import type { Facts } from '../../src/contract/operation.js';
import { loadPolicy, parseFixture, runFixture, TestClock } from '../../src/policy/index.js';
import { ssh } from '../../src/protocols/ssh/index.js';
import { commandFacts } from '../../src/protocols/ssh/shell/command-facts.js';

const text = (name: string): string => readFileSync(new URL(`../../policies/${name}`, import.meta.url), 'utf8');
const policy = (): ReturnType<typeof loadPolicy> =>
  loadPolicy(
    [
      { path: 'ssh-guardrails.yaml', text: text('ssh-guardrails.yaml') },
      { path: 'open.yaml', text: `version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: unknown-too, effect: allow, actions: [unknown] }]\n` },
    ],
    [ssh.descriptor],
  );
const person: Identity = {
  issuer: 'i',
  subject: 's',
  kind: 'person',
  name: 'alice',
  email: null,
  emailVerified: false,
  groups: [],
  onBehalfOf: null,
  claims: {},
  expiresAt: Number.MAX_SAFE_INTEGER,
};
const agent: Identity = { ...person, kind: 'agent' };
const decide = (identity: Identity, action: string, resource: Facts['effects'][number]['resource'] = null, env = 'test', set = policy()): string =>
  set
    .view(identity, { name: 'web-1', protocol: 'ssh', labels: { env } })
    .decide({ effects: [{ action, resource, facts: { assurance: 'enforced' } }], unknown: [], summary: '', redacted: null }).effect;
const path = (name: string): Facts['effects'][number]['resource'] => ({ type: 'path', name: [name], columns: [] });

describe('the shipped guardrails for hosts', () => {
  it('pass their own tests', async () => {
    const fixture = parseFixture('policies/ssh-guardrails.test.yaml', text('ssh-guardrails.test.yaml'));
    const clock = new TestClock();
    const set = loadPolicy([{ path: 'ssh-guardrails.yaml', text: text('ssh-guardrails.yaml') }], [ssh.descriptor], { clock });
    const results = await runFixture(fixture, set, clock, async (_, statement) => commandFacts(statement, 'posix'));
    expect(results.length).toBeGreaterThan(5);
    expect(results.flatMap(({ name, differs }) => differs.map((difference) => `${name}: ${difference}`))).toEqual([]);
  });

  it.each([
    ['sudo sh -c "cd / && r\\m -fr x"', 'ssh-guardrails/recursive-removal-is-asked-for'],
    ['ls && rm --recursive x', 'ssh-guardrails/recursive-removal-is-asked-for'],
    ['echo cm0gLXJmIC8= | base64 -d | sh', 'ssh-guardrails/not-understood'],
    ['perl -e "unlink glob q(*)"', 'ssh-guardrails/not-understood'],
    ['cat $FILE', 'ssh-guardrails/not-understood'],
    ['alias ls=rm; ls', 'ssh-guardrails/not-understood'],
    ['X=rm; $X -rf /', 'ssh-guardrails/not-understood'],
    ['rm$IFS-rf$IFS/', 'ssh-guardrails/not-understood'],
    ['cat <<E | bash\nrm -rf /\nE', 'ssh-guardrails/not-understood'],
    ['nohup at now < job', 'ssh-guardrails/not-understood'],
    ['sudo -i', 'ssh-guardrails/not-understood'],
  ])('redteam 6e: %j is asked for', (command, rule) => {
    const decision = policy().view(person, { name: 'web-1', protocol: 'ssh', labels: {} }).decide(commandFacts(command, 'posix'));
    expect({ effect: decision.effect, rule: decision.rule }).toEqual({ effect: 'require_approval', rule });
  });

  it('plain work goes on', () => {
    for (const command of ['uptime', 'ls -l /srv | sort | head', 'rm /srv/old.log', 'sudo systemctl restart nginx', 'tar cf - /srv > /tmp/x.tar'])
      expect(policy().view(person, { name: 'web-1', protocol: 'ssh', labels: {} }).decide(commandFacts(command, 'posix')).effect, command).toBe('allow');
  });

  it('agents get commands, and never a shell', () => {
    expect(decide(agent, 'ssh.shell')).toBe('deny');
    expect(decide(agent, 'ssh.subsystem')).toBe('deny');
    expect(decide(agent, 'ssh.exec')).toBe('allow');
    expect(decide(agent, 'sftp.write', path('/srv/x'))).toBe('deny');
    expect(decide(agent, 'sftp.read', path('/srv/x'))).toBe('allow');
    expect(decide(person, 'ssh.shell')).toBe('allow');
    expect(decide(person, 'ssh.shell', null, 'prod')).toBe('require_approval');
  });

  it('nothing is forwarded or lent, and no variable set', () => {
    for (const action of [
      'ssh.forward.local',
      'ssh.forward.local_socket',
      'ssh.forward.remote',
      'ssh.forward.remote_socket',
      'ssh.forward.agent',
      'ssh.forward.x11',
      'ssh.tunnel',
      'ssh.env',
    ])
      expect(decide(person, action), action).toBe('deny');
  });

  it('files that decide what runs are asked for, also where the path is not certain', () => {
    expect(decide(person, 'sftp.write', path('/etc/passwd'))).toBe('require_approval');
    expect(decide(person, 'sftp.write', path('/home/x/.ssh/authorized_keys'))).toBe('require_approval');
    expect(decide(person, 'sftp.write', path('/srv/x'))).toBe('allow');
    expect(decide(person, 'sftp.write', { type: 'path', name: [null], columns: [] })).toBe('require_approval');
  });
});

describe('the file of a redirection', () => {
  const rules = `
    { id: programs, effect: allow, actions: [ssh.exec] },
    { id: mine, effect: allow, actions: [ssh.redirect], resources: [path: ['/srv/in/*', '/etc/*']] },
    { id: system, effect: deny, actions: [ssh.redirect], resources: [path: '/etc/*'] }`;
  const set = loadPolicy([{ path: 'paths.yaml', text: `version: 1\nrules: [${rules}]\n` }], [ssh.descriptor]);
  const decided = (command: string): { effect: string; rule: string | null } => {
    const { effect, rule } = set.view(person, { name: 'web-1', protocol: 'ssh', labels: {} }).decide(commandFacts(command, 'posix'));
    return { effect, rule };
  };

  it.each(['//etc/passwd', '/etc/./passwd', '/etc/pass"wd"', '/srv/in/../../etc/passwd', '/srv/in/../x', 'passwd', '~/x'])(
    '%s is or may be one of the system',
    (path) => {
      expect(decided(`cd /etc; echo x > ${path}`)).toEqual({ effect: 'deny', rule: 'paths/system' });
    },
  );

  it('that is certain is allowed by it', () => {
    expect(decided('echo x > //srv/./in/x').effect).toBe('allow');
  });
});

describe('what is allowed by default', () => {
  const open = (rules = ''): ReturnType<typeof loadPolicy> =>
    loadPolicy([{ path: 'open.yaml', text: `version: 1\ndefaults: [{ operations: allow }]\nrules: [${rules}]\n` }], [ssh.descriptor]);
  const lent = ['agent', 'x11', 'local', 'local_socket', 'remote', 'remote_socket'].map((what) => `ssh.forward.${what}`);
  const by = (identity: Identity, action: string, set = open()): string => decide(identity, action, null, 'test', set);

  it.each([...lent, 'ssh.tunnel', 'ssh.env'])('never is %s: it takes a rule', (action) => {
    expect(by(person, action)).toBe('deny');
    expect(by(agent, action)).toBe('deny');
    expect(by(person, action, open(`{ id: r, effect: allow, actions: [${action}] }`))).toBe('allow');
    expect(by(person, action, open(`{ id: r, effect: allow, actions: ['*'] }`))).toBe('allow');
  });

  it.each(['ssh.shell', 'ssh.subsystem'])('is %s to people and not to agents', (action) => {
    expect(by(person, action)).toBe('allow');
    expect(by(agent, action)).toBe('deny');
    expect(by(agent, action, open(`{ id: r, effect: allow, subjects: { kinds: [agent] }, actions: [${action}] }`))).toBe('allow');
  });

  it('is a command to both', () => {
    expect(by(person, 'ssh.exec')).toBe('allow');
    expect(by(agent, 'ssh.exec')).toBe('allow');
  });

  it('says why it does not reach something, and that people could be asked', () => {
    const facts = { effects: [{ action: 'ssh.forward.agent', resource: null, facts: {} }], unknown: [], summary: '', redacted: null };
    const view = open().view(person, { name: 'web-1', protocol: 'ssh', labels: {} });
    expect(view.decide(facts).reasons).toEqual(['ssh.forward.agent: no rule allows it, and what is allowed by default does not reach it']);
    expect(by(person, 'ssh.forward.agent', open(`{ id: r, effect: require_approval, actions: [ssh.forward.agent], approval: { groups: [ops] } }`))).toBe(
      'require_approval',
    );
  });
});
