/** gw's own small server for web-1 behind a gateway, as the quickstart has it: the system's own clients reach it, and what they do is recorded. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedOperation } from '../../src/recording/recorded.js';
import { eventually } from '../store/state-server.js';
import { isRunning } from '../support/process-list.js';
import { run, type SshWorld, startSshWorld } from '../support/ssh-world.js';
import { atTerminal, startWebHost, type WebHostWorld } from './web-host-world.js';

let host: WebHostWorld;
let world: SshWorld;

beforeAll(async () => {
  host = await startWebHost();
  world = await startSshWorld({ sshd: await host.asSshd() });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await host?.[Symbol.asyncDispose]();
});

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const environment = (): Record<string, string> => ({ ...world.env });
const outcomeOf = async (text: string): Promise<RecordedOperation['outcome'] | undefined> =>
  (await world.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : [])).findLast(({ exact }) => exact.toString() === text)?.outcome;

describe('through a gateway', () => {
  it('a command gives its outputs and its exit status, or the signal that ended it, as the account of the world', async () => {
    const done = await world.ssh(['web-1', 'echo out; echo err >&2; exit 7']);
    expect({ ...done, out: done.out.toString() }).toEqual({ code: 7, signal: null, out: 'out\n', err: 'err\n' });
    expect(await outcomeOf('echo out; echo err >&2; exit 7')).toMatchObject({ status: 'error', message: 'exit status 7' });
    expect((await world.ssh(['web-1', 'kill -TERM $$'])).code).toBe(255);
    expect(await outcomeOf('kill -TERM $$')).toMatchObject({ status: 'error', message: 'ended by signal TERM' });
    expect((await world.ssh(['web-1', 'id -u'])).out.toString()).toBe(`${host.uid}\n`);
  });

  it('a shell has a terminal, which is resized with its client, and hangs up with it', async () => {
    const terminal = atTerminal('ssh', [...world.options(), '-tt', 'web-1'], environment());
    terminal.pty.write('stty size\r');
    await terminal.shows(/30 100\r\n/);
    terminal.pty.write('until test "$(stty size)" = "21 77"; do sleep 0.1; done; exit 9\r');
    terminal.pty.resize(77, 21);
    expect(await terminal.ended).toBe(9);
    const left = atTerminal('ssh', [...world.options(), '-tt', 'web-1', 'echo "pid <$$>"; exec sleep 1000'], environment());
    const pid = Number((await left.shows(/pid <(\d+)>/))[1]);
    expect(isRunning(pid)).toBe(true);
    left.pty.kill('SIGKILL');
    await eventually('it ended', () => !isRunning(pid));
  });

  it('files of 50 MB go there and back by scp as they were', async () => {
    const [sent, back, there] = [join(world.dir, 'sent'), join(world.dir, 'back'), join(host.files, 'large')];
    const bytes = randomBytes(50_000_000);
    writeFileSync(sent, bytes);
    expect(await run('scp', ['-q', ...world.options(), sent, `web-1:${there}`], { env: environment() })).toMatchObject({ code: 0, err: '' });
    expect(digest(readFileSync(there))).toBe(digest(bytes));
    expect(statSync(there).uid).toBe(host.uid);
    expect(await run('scp', ['-q', ...world.options(), `web-1:${there}`, back], { env: environment() })).toMatchObject({ code: 0, err: '' });
    expect(digest(readFileSync(back))).toBe(digest(bytes));
  });

  it('sftp makes, links, renames, lists and removes', async () => {
    const at = (name: string): string => join(host.files, name);
    writeFileSync(join(world.dir, 'note'), 'a note');
    const sftp = (lines: readonly string[]): ReturnType<typeof run> =>
      run('sftp', ['-o', 'BatchMode=no', ...world.options(), '-b', '-', 'web-1'], { env: environment(), input: `${lines.join('\n')}\n` });
    const made = await sftp([
      `mkdir ${at('folder')}`,
      `put ${join(world.dir, 'note')} ${at('folder/note')}`,
      `symlink ${at('folder/note')} ${at('folder/link')}`,
      `rename ${at('folder/note')} ${at('folder/renamed')}`,
      `ls -l ${at('folder')}`,
    ]);
    expect(made).toMatchObject({ code: 0 });
    expect(made.out.toString()).toMatch(/ link\n.* renamed\n/);
    expect((await host.ssh([`readlink ${at('folder/link')}`])).out.toString()).toBe(`${at('folder/note')}\n`);
    expect(await sftp([`rm ${at('folder/link')}`, `rm ${at('folder/renamed')}`, `rmdir ${at('folder')}`])).toMatchObject({ code: 0 });
    expect(existsSync(at('folder'))).toBe(false);
  });

  it('sessions share a connection, and nothing is forwarded, although policy here lets it pass', async () => {
    const socket = join(world.dir, 'master');
    const shared = ['-S', socket, '-o', 'ControlMaster=auto', '-o', 'ControlPersist=yes'];
    try {
      expect((await world.ssh([...shared, 'web-1', 'exit 2'], { background: true })).code).toBe(2);
      const codes = await Promise.all(
        [3, 4, 5].map(async (code) => (await world.ssh(['-S', socket, '-o', 'ProxyCommand=false', 'web-1', `exit ${code}`])).code),
      );
      expect(codes).toEqual([3, 4, 5]);
      const forwarded = await world.ssh(['-o', 'LogLevel=INFO', '-W', `127.0.0.1:${host.target.port}`, 'web-1']);
      expect(forwarded).toMatchObject({ code: 255, out: Buffer.alloc(0), err: expect.stringContaining('open failed') as string });
    } finally {
      await world.ssh(['-S', socket, '-O', 'exit', 'web-1']);
    }
  });
});
