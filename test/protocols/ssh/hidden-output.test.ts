/** What commands say without a terminal, hidden for whom policy says so, with the system's own ssh, rsync, git, scp and sshd. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Findings } from '../../../src/masking/index.js';
import type { SessionItem } from '../../../src/recording/recorded.js';
import { type Ended, type RunOptions, run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

const SSN = '536-22-8734';
const CARD = '4111 1111 1111 1111';
const EMAIL = 'ann.smith@example.com';
const POLICY = `
version: 1
defaults: [{ operations: allow }]
classes:
  ssn: { treatment: partial, detect: true, screen: true }
  pan: { treatment: partial, detect: true }
  email: { treatment: mask, detect: true }
masks:
  - { id: agents-see-none, subjects: { kinds: [agent] }, classes: [ssn, pan], output: true }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: agents-too, effect: allow, actions: [ssh.shell] }
  - { id: small-output, effect: allow, actions: [ssh.exec], resources: [program: printf], limits: { bytes: 100B } }
`;

let world: SshWorld;
beforeAll(async () => {
  world = await startSshWorld({ policy: POLICY });
  world.path.identities.set('robot', { kind: 'agent' });
});
afterAll(() => world?.[Symbol.asyncDispose]());
afterEach(() => {
  vi.restoreAllMocks();
  world.path.setPolicy(POLICY);
});

const asked = (person: string, command: string, options: RunOptions = {}): Promise<Ended> => world.ssh(['web-1', command], { person, ...options });

/** Of the last session. */
async function lastItems(): Promise<readonly SessionItem[]> {
  const items = await world.recorded();
  return items.slice(items.findLastIndex(({ kind }) => kind === 'start'));
}
async function lastOperation() {
  return (await lastItems()).findLast((item) => item.kind === 'operation')?.operation;
}
async function counted(): Promise<unknown> {
  return (await lastItems()).flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? [item.data['values']] : []));
}

describe('a command of an agent', () => {
  it('has its values hidden on both streams, whole as they are cut, at the end too, and counted', async () => {
    const pieces = [
      `echo 'ssn ${SSN} card ${CARD} mail ${EMAIL}'`,
      `for each in 5 3 6 - 2 2 - 8 7 3 4; do /usr/bin/printf %s $each; sleep 0.02; done; echo ' split'`,
      `echo 'problem ${SSN}' >&2`,
      `/usr/bin/printf 'last ${SSN}'`,
      `/usr/bin/printf 'last ${SSN}' >&2`,
    ];
    world.path.setPolicy(POLICY.replace('bytes: 100B', 'bytes: 1MiB'));
    const ended = await asked('robot', `${pieces.join('; ')}; exit 7`);
    const record = (await lastOperation())?.delivered.bytes.toString() ?? '';
    expect({ code: ended.code, out: ended.out.toString(), err: ended.err }).toEqual({
      code: 7,
      out: `ssn ***-**-8734 card ****1111 mail ${EMAIL}\n***-**-8734 split\nlast ***-**-8734`,
      err: 'problem ***-**-8734\nlast ***-**-8734',
    });
    expect(record.match(/\*\*\*-\*\*-8734/g)).toHaveLength(5);
    expect(record).not.toContain(EMAIL);
    expect(await counted()).toEqual([
      [
        expect.objectContaining({ class: 'ssn', treatment: 'partial', values: 5 }),
        expect.objectContaining({ class: 'pan', treatment: 'partial', values: 1 }),
        expect.objectContaining({ class: 'email', treatment: 'clear', values: 1 }),
      ],
    ]);
  });

  it('is the same in a shell without a terminal, and on one', async () => {
    const shell = await world.ssh(['-T', 'web-1'], { person: 'robot', input: `echo ${SSN}; echo ${CARD} >&2; exit 3\n` });
    expect({ code: shell.code, out: shell.out.toString() }).toEqual({ code: 3, out: '***-**-8734\n' });
    expect(shell.err).not.toContain(CARD);
    const terminal = await world.ssh(['-tt', 'web-1', `echo ${SSN} ${CARD}`], { person: 'robot' });
    expect(terminal.out.toString()).toBe('***-**-8734 ****1111\r\n');
  });

  it('gets each line when it is over, and what follows flows', async () => {
    let said = '';
    const ended = await asked('robot', `echo begun ${SSN}; read -r word; echo "$word ${SSN}"`, {
      during: (child) => {
        child.stdout.on('data', (chunk: Buffer) => {
          said += chunk.toString();
          if (said === 'begun ***-**-8734\n') child.stdin.end('answered\n');
        });
      },
    });
    expect(ended.out.toString()).toBe('begun ***-**-8734\nanswered ***-**-8734\n');
  });

  it('that ends by a signal, says nothing, or goes on in the background ends as it did', async () => {
    expect(await asked('robot', `echo ${SSN}; kill -TERM $$`)).toMatchObject({ code: 255, out: Buffer.from('***-**-8734\n') });
    expect((await lastOperation())?.outcome).toMatchObject({ status: 'error', message: 'ended by signal TERM' });
    expect(await asked('robot', 'exit 5')).toMatchObject({ code: 5, out: Buffer.alloc(0), err: '' });
  });

  it.each(['token', 'mask', 'partial'])('of megabytes keeps flowing where it becomes longer or shorter: %s', async (treatment) => {
    const lines = join(world.sshd.dir, 'files', 'numbers');
    const count = 100_000;
    await writeFile(lines, `${SSN} ${CARD}\n`.repeat(count));
    world.path.setPolicy(POLICY.replaceAll('treatment: partial', `treatment: ${treatment}`));
    const ended = await asked('robot', `cat ${lines}; echo done`);
    expect(ended.code, ended.err).toBe(0);
    const text = ended.out.toString();
    expect(text.split('\n').length).toBe(count + 2);
    expect(text).not.toMatch(/536-22|4111 1111/);
    expect(text).toMatch(/done\n$/);
  });

  it('is held to its limit with what waited for the end of its line, and the connection goes on', async () => {
    const socket = join(world.dir, 'mux-hidden');
    const shared = (...args: string[]): Promise<Ended> => world.ssh(['-S', socket, ...args], { person: 'robot' });
    expect((await shared('-M', '-f', '-N', 'web-1')).code).toBe(0);
    const over = await shared('web-1', `printf '%0101d' 1`);
    expect({ out: over.out.toString(), code: over.code === 0 }).toEqual({ out: '', code: false });
    expect(over.err).toContain('policy.limit_exceeded');
    expect((await shared('web-1', 'echo on')).out.toString()).toBe('on\n');
    await shared('-O', 'exit', 'web-1');
    const operation = (await lastItems()).find((item) => item.kind === 'operation')?.operation;
    expect(operation?.outcome?.status).toBe('refused');
    expect(operation?.delivered.total).toBe(0);
  });

  it('shows nothing when masking fails: the session ends', async () => {
    vi.spyOn(Findings.prototype, 'start').mockImplementation(() => {
      throw new TypeError('broken on purpose');
    });
    const ended = await asked('robot', `echo before; echo ${SSN}; sleep 1; echo after`);
    vi.restoreAllMocks();
    expect(ended.code).not.toBe(0);
    expect(ended.out.toString()).not.toContain('536');
    expect(ended.out.toString()).not.toContain('after');
    expect(JSON.stringify((await lastItems()).filter(({ kind }) => kind !== 'start'))).not.toContain(`${SSN}\\n`);
  });
});

describe('the same command of somebody else', () => {
  it('says what it says', async () => {
    const ended = await asked('ann', `echo ${SSN}; echo ${CARD} >&2`);
    expect({ out: ended.out.toString(), err: ended.err }).toEqual({ out: `${SSN}\n`, err: `${CARD}\n` });
    expect((await lastOperation())?.delivered.bytes.toString()).toContain('***-**-8734');
  });

  it('is hidden where the class says so, but for whom a mask lets see it', async () => {
    world.path.setPolicy(
      POLICY.replace('screen: true', 'output: true').replace(
        'masks:',
        `masks:\n  - { id: bob-gets-it, subjects: { ids: ['test#bob'] }, output: false }\n  - { id: carol-sees, subjects: { ids: ['test#carol'] }, treatment: clear }`,
      ),
    );
    const said = async (person: string, ...args: string[]): Promise<string> =>
      (await world.ssh([...args, 'web-1', `echo ${SSN}`], { person })).out.toString().trim();
    expect([await said('ann'), await said('bob'), await said('carol')]).toEqual(['***-**-8734', SSN, SSN]);
    expect([await said('ann', '-tt'), await said('bob', '-tt'), await said('carol', '-tt')]).toEqual(['***-**-8734', SSN, SSN]);
  });
});

describe('files', () => {
  it('over SFTP are what they are', async () => {
    const local = join(world.dir, 'numbers');
    const numbers = `${SSN}\n`.repeat(400_000);
    await writeFile(local, numbers);
    const env = { ...world.env, GW_TEST_TOKEN: 'token-robot' };
    const there = join(world.sshd.dir, 'files', 'sent');
    for (const [from, to] of [
      [local, `web-1:${there}`],
      [`web-1:${there}`, `${local}.back`],
    ] as const)
      expect(await run('scp', [...world.options(), from, to], { env })).toMatchObject({ code: 0 });
    expect((await readFile(`${local}.back`, 'utf8')) === numbers).toBe(true);
  });

  it('that a program would exchange over the output are refused, and the client is told why', async () => {
    const remote = join(world.sshd.dir, 'files');
    await writeFile(join(remote, 'numbers'), `${SSN}\n`);
    const rsh = `ssh ${world.options().join(' ')}`;
    const commands: [string, string[]][] = [
      ['rsync', ['-e', rsh, `web-1:${remote}/numbers`, join(world.dir, 'by-rsync')]],
      ['scp', ['-O', ...world.options(), `web-1:${remote}/numbers`, join(world.dir, 'by-scp')]],
      ['git', ['clone', `web-1:${remote}`, join(world.dir, 'by-git')]],
    ];
    for (const [program, args] of commands) {
      const env = { ...world.env, GIT_SSH_COMMAND: rsh };
      const refused = await run(program, args, { env: { ...env, GW_TEST_TOKEN: 'token-robot' } });
      expect(refused.code, program).not.toBe(0);
      expect(refused.err).toMatch(/exchanges bytes with a program at the client[\s\S]*over SFTP[\s\S]*rule gateway\/masking/);
      expect((await lastOperation())?.decision).toMatchObject({ effect: 'deny', rule: 'gateway/masking' });
    }
    const mayRun = await run('rsync', commands[0]?.[1] ?? [], { env: { ...world.env, GW_TEST_TOKEN: 'token-ann' } });
    expect(mayRun.code, mayRun.err).toBe(0);
    expect(await readFile(join(world.dir, 'by-rsync'), 'utf8')).toBe(`${SSN}\n`);
  });
});
