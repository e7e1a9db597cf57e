/** Commands through the gateway with the system's own ssh and sshd: output, status, signals, input, refusals, and what is recorded of them. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedOperation, SessionItem } from '../../../src/recording/recorded.js';
import { ALLOW_ALL, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - { id: no-rm, effect: deny, actions: [ssh.exec], resources: [program: rm], message: Nothing is removed here., hint: Ask for it. }
  - { id: bob-no-shell, effect: deny, subjects: { ids: ['test#bob'] }, actions: [ssh.shell], message: Bob runs commands only. }
  - { id: small-output, effect: allow, actions: [ssh.exec], resources: [program: base64], limits: { bytes: 64KiB } }
  - { id: no-forward, effect: deny, actions: [ssh.forward.local, ssh.forward.remote, ssh.forward.agent, ssh.env], message: No forwarding. }
`;

let world: SshWorld;
beforeAll(async () => {
  world = await startSshWorld({ policy: POLICY });
});
afterAll(() => world?.[Symbol.asyncDispose]());

const operations = (items: readonly SessionItem[]): RecordedOperation[] => items.flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));
const recordedOf = async (text: string): Promise<RecordedOperation | undefined> =>
  operations(await world.recorded()).findLast(({ exact }) => exact.toString() === text);

describe('a command', () => {
  it('gives its output, its errors and its status, and is recorded with all of them', async () => {
    const ended = await world.ssh(['web-1', 'echo out; echo err >&2; exit 7']);
    expect({ code: ended.code, out: ended.out.toString(), err: ended.err }).toEqual({ code: 7, out: 'out\n', err: 'err\n' });
    const operation = await recordedOf('echo out; echo err >&2; exit 7');
    expect(operation?.outcome).toMatchObject({ status: 'error', message: 'exit status 7' });
    expect(operation?.delivered.bytes.toString()).toContain('out\n');
    expect(operation?.delivered.bytes.toString()).toContain('err\n');
    expect(operation?.facts?.effects.map(({ resource }) => resource?.name[0])).toEqual(['echo', 'echo', 'exit']);
    expect(operation?.facts?.effects.every(({ facts }) => facts['assurance'] === 'parsed')).toBe(true);
  });

  it('takes its input, which is recorded', async () => {
    const input = randomBytes(300_000);
    const ended = await world.ssh(['web-1', 'cat'], { input });
    expect(ended.err).toBe('');
    expect(ended.out.equals(input)).toBe(true);
    const operation = await recordedOf('cat');
    expect(operation?.outcome?.status).toBe('ok');
    expect(operation?.received.total ?? operation?.received.bytes.length).toBe(300_000);
  });

  it.each([
    [[]],
    [['-o', 'Ciphers=aes256-gcm@openssh.com']],
    [['-o', 'Ciphers=aes128-ctr', '-o', 'MACs=hmac-sha2-512']],
    [['-o', 'Ciphers=aes256-ctr', '-o', 'MACs=hmac-sha2-256-etm@openssh.com']],
  ])('may be as long as one that sshd runs, and is judged and recorded whole: %j', async (options) => {
    for (const length of [30_000, 60_000, 100_000]) {
      const text = `echo ${'x'.repeat(length)}`;
      const ended = await world.ssh([...options, 'web-1', text]);
      expect({ code: ended.code, length: ended.out.length, err: ended.err }).toEqual({ code: 0, length: length + 1, err: '' });
      const operation = await recordedOf(text);
      expect(operation?.facts?.effects[0]?.resource?.name).toEqual(['echo']);
      expect(operation?.shortened).toBe(false);
    }
    const refused = await world.ssh([...options, 'web-1', `rm ${'x'.repeat(100_000)}`]);
    expect(refused.code).toBe(7);
    expect(refused.err).toContain('Nothing is removed here.');
  });

  it('of more than 256 KiB is not read, and the client is told why', async () => {
    for (const options of [[], ['-o', 'Ciphers=aes128-gcm@openssh.com']]) {
      const ended = await world.ssh([...options, 'web-1', 'echo', ...[1, 2, 3].map((each) => String(each).repeat(100_000))]);
      expect(ended.code).toBe(255);
      expect(ended.err).toMatch(
        /Received disconnect from .* port \d+:2: .*Bad packet length: 300\d\d\d, and at most 262212 bytes are read\. \(protocol\.violation\)/,
      );
    }
    expect((await world.ssh(['web-1', 'echo on'])).out.toString()).toBe('on\n');
  });

  it('ended by a signal says which', async () => {
    const ended = await world.ssh(['web-1', 'kill -TERM $$']);
    expect(ended.code).toBe(255);
    expect((await recordedOf('kill -TERM $$'))?.outcome).toMatchObject({ status: 'error', message: 'ended by signal TERM' });
  });

  it('of a refused program is told why, ends with the code of gw for it, and never runs', async () => {
    const file = join(world.sshd.dir, 'files', 'kept');
    const made = await world.ssh(['web-1', `touch ${file}`]);
    expect(made.code).toBe(0);
    for (const command of [`rm ${file}`, `true && /bin/rm ${file}`, `sh -c 'r\\m ${file}'`, `echo "$(rm ${file})"`, `sudo -n rm ${file}`]) {
      const ended = await world.ssh(['web-1', command]);
      expect(ended.code, command).toBe(7);
      expect(ended.err, command).toContain('Nothing is removed here.');
      expect(ended.err).toContain('Ask for it.');
      expect((await recordedOf(command))?.decision?.effect).toBe('deny');
    }
    expect(existsSync(file)).toBe(true);
  });

  it('that delivers more than it may is ended, and the connection goes on', async () => {
    const socket = join(world.dir, 'mux-limit');
    const master = await world.ssh(['-M', '-S', socket, '-f', '-N', 'web-1']);
    expect(master.code).toBe(0);
    const over = await world.ssh(['-S', socket, 'web-1', 'base64 /dev/zero']);
    expect(over.err).toContain('policy.limit_exceeded');
    const after = await world.ssh(['-S', socket, 'web-1', 'echo on']);
    expect(after.out.toString()).toBe('on\n');
    await world.ssh(['-S', socket, '-O', 'exit', 'web-1']);
  });

  it('is recorded for each channel of one shared connection', async () => {
    const socket = join(world.dir, 'mux');
    await world.ssh(['-M', '-S', socket, '-f', '-N', 'web-1']);
    const before = world.path.sessions.length;
    const ends = await Promise.all([1, 2, 3, 4].map((each) => world.ssh(['-S', socket, 'web-1', `echo channel ${each}`])));
    expect(ends.map(({ out }) => out.toString())).toEqual([1, 2, 3, 4].map((each) => `channel ${each}\n`));
    expect(world.path.sessions.length).toBe(before);
    await world.ssh(['-S', socket, '-O', 'exit', 'web-1']);
    for (const each of [1, 2, 3, 4]) expect((await recordedOf(`echo channel ${each}`))?.outcome?.status).toBe('ok');
  });

  it('of 64 MiB comes through whole with new keys in the middle', async () => {
    const bulk = randomBytes(64 << 20);
    const ended = await world.ssh(['-o', 'RekeyLimit=4M', 'web-1', 'cat'], { input: bulk });
    expect(ended.code, ended.err).toBe(0);
    expect(createHash('sha256').update(ended.out).digest('hex')).toBe(createHash('sha256').update(bulk).digest('hex'));
    const operation = await recordedOf('cat');
    expect(operation?.delivered).toMatchObject({ cut: true, total: bulk.length });
    expect(operation?.received).toMatchObject({ cut: true, total: bulk.length });
  });
});

describe('a shell', () => {
  it('on a terminal is recorded as it was shown, what was typed is not, and says that it is observed', async () => {
    const ended = await world.ssh(['-tt', 'web-1'], {
      during: (child) => {
        let shown = '';
        child.stdout.on('data', (chunk: Buffer) => {
          const before = shown;
          shown += chunk.toString();
          const appeared = (text: string): boolean => shown.includes(text) && !before.includes(text);
          if (appeared('ready-')) child.stdin.write('hunter2\n');
          if (appeared('length 7')) child.stdin.end('exit 3\n');
        });
        child.stdin.write(`stty -echo; printf 'rea%s' dy-; read -r secret; echo "len"gth $\{#secret}\n`);
      },
    });
    expect(ended.code).toBe(3);
    const shell = operations(await world.recorded()).findLast(({ form }) => form === 'shell');
    expect(shell?.facts?.effects).toMatchObject([{ action: 'ssh.shell', facts: { terminal: true, assurance: 'observed' } }]);
    const shown = (await world.recorded())
      .flatMap((item) => (item.kind === 'output' && item.sequence === shell?.sequence ? [item.bytes.toString()] : []))
      .join('');
    expect(shown).toContain('length 7');
    expect(shown).not.toContain('hunter2');
    expect(shown.endsWith(ended.out.subarray(-20).toString())).toBe(true);
    expect(shell?.received.bytes.length).toBe(0);
    expect(shell?.outcome?.message).toBe('exit status 3');
  });

  it('is refused to those who may not, who may run commands', async () => {
    const refused = await world.ssh(['-tt', 'web-1'], { person: 'bob' });
    expect(refused.code).toBe(7);
    expect(refused.err).toContain('Bob runs commands only.');
    expect((await world.ssh(['web-1', 'echo yes'], { person: 'bob' })).out.toString()).toBe('yes\n');
  });
});

describe('each kind of channel and request has its own decision (D8)', () => {
  it('a connection to an address is refused, by name', async () => {
    const ended = await world.ssh(['-o', 'LogLevel=INFO', '-W', `127.0.0.1:${world.sshd.port}`, 'web-1']);
    expect(ended.code).not.toBe(0);
    expect(ended.err).toContain('No forwarding.');
    const refused = operations(await world.recorded()).findLast(({ form }) => form === 'forward');
    expect(refused?.facts?.effects).toMatchObject([
      { action: 'ssh.forward.local', resource: { type: 'address', name: ['127.0.0.1', String(world.sshd.port)] } },
    ]);
  });

  it('listening on the target is refused', async () => {
    const ended = await world.ssh(['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', 'web-1', 'true']);
    expect(ended.code).toBe(255);
  });

  it('variables do not reach the target, except those of the language (D11)', async () => {
    const ended = await world.ssh(['-o', 'SendEnv=LC_TEST GW_TEST', 'web-1', 'echo "[$LC_TEST][$GW_TEST]"'], { env: { LC_TEST: 'de', GW_TEST: 'evil' } });
    expect(ended.out.toString()).toBe('[de][]\n');
  });
});

describe('a command that is allowed by name', () => {
  it('is not the program of that name in another folder', async () => {
    world.path.setPolicy(`
version: 1
defaults: [{ operations: deny }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: only-id, effect: allow, actions: [ssh.exec], resources: [program: id] }
`);
    try {
      expect((await world.ssh(['web-1', 'id -u'])).code).toBe(0);
      expect((await world.ssh(['web-1', '/usr/bin/id -u'])).code).toBe(0);
      expect((await world.ssh(['web-1', '/tmp/id'])).code).toBe(7);
      expect((await world.ssh(['web-1', 'id; $X'])).code).toBe(7);
    } finally {
      world.path.setPolicy(ALLOW_ALL);
    }
  });
});
