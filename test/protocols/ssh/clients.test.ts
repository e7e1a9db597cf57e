/** Clients that are not OpenSSH: paramiko and dropbear's, with the token as the password. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
beforeAll(async () => {
  world = await startSshWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const PARAMIKO = `
import base64, os, sys, paramiko
port, key, files, local = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
client = paramiko.SSHClient()
client.get_host_keys().add('[127.0.0.1]:%d' % port, 'ssh-ed25519', paramiko.Ed25519Key(data=base64.b64decode(key)))
client.connect('127.0.0.1', port=port, username='web-1', password='token-ann', allow_agent=False, look_for_keys=False)
stdin, stdout, stderr = client.exec_command('cat; echo problem >&2; exit 4')
stdin.write('typed'); stdin.channel.shutdown_write()
print(stdout.read().decode(), stderr.read().decode().strip(), stdout.channel.recv_exit_status())
sftp = client.open_sftp()
print(sftp.getcwd(), sftp.normalize('.') == os.path.expanduser('~'))
sftp.put(local, files + '/paramiko'); sftp.get(files + '/paramiko', local + '.back')
sftp.rename(files + '/paramiko', files + '/renamed'); print(sftp.stat(files + '/renamed').st_size)
client.close()
`;

describe('paramiko', () => {
  it('runs commands and moves files', async () => {
    const content = randomBytes(400_000);
    const local = join(world.dir, 'local');
    await writeFile(local, content);
    const [, key = ''] = (world.path.serverKey ?? '').split(' ');
    const ended = await run('/usr/bin/python3', ['-c', PARAMIKO, String(world.path.port), key, join(world.sshd.dir, 'files'), local]);
    expect(ended.code, ended.err).toBe(0);
    expect(ended.out.toString()).toBe('typed problem 4\nNone True\n400000\n');
    expect(
      createHash('sha256')
        .update(await readFile(`${local}.back`))
        .digest('hex'),
    ).toBe(createHash('sha256').update(content).digest('hex'));
  });
});

describe('dbclient', () => {
  const dbclient = (command: string, input?: Buffer): ReturnType<typeof run> =>
    run('dbclient', ['-y', '-y', '-p', String(world.path.port), 'web-1@127.0.0.1', command], {
      env: { DROPBEAR_PASSWORD: 'token-ann' },
      ...(input === undefined ? {} : { input }),
    });

  it('runs commands with its small window', async () => {
    const ended = await dbclient('echo out; exit 6');
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 6, out: 'out\n' });
    const input = randomBytes(2_000_000);
    const echoed = await dbclient('cat', input);
    expect(createHash('sha256').update(echoed.out).digest('hex')).toBe(createHash('sha256').update(input).digest('hex'));
  });

  it('carries sftp and scp of OpenSSH', async () => {
    const content = randomBytes(300_000);
    await writeFile(join(world.dir, 'content'), content);
    const wrapper = join(world.dir, 'dbclient-as-ssh');
    await writeFile(
      wrapper,
      `${[
        '#!/bin/sh',
        'sub=',
        'while :; do case "$1" in -l) shift 2;; -s) sub=-s; shift;; -*) shift;; *) break;; esac; done',
        'shift',
        `exec dbclient -y -y -p ${world.path.port} $sub web-1@127.0.0.1 "$@"`,
      ].join('\n')}\n`,
      { mode: 0o755 },
    );
    const sent = await run('scp', ['-S', wrapper, join(world.dir, 'content'), `web-1@127.0.0.1:${world.sshd.dir}/files/by-dbclient`], {
      env: { DROPBEAR_PASSWORD: 'token-ann' },
    });
    expect(sent.code, sent.err).toBe(0);
    const back = await run('scp', ['-S', wrapper, `web-1@127.0.0.1:${world.sshd.dir}/files/by-dbclient`, join(world.dir, 'back')], {
      env: { DROPBEAR_PASSWORD: 'token-ann' },
    });
    expect(back.code, back.err).toBe(0);
    expect((await readFile(join(world.dir, 'back'))).equals(content)).toBe(true);
  });
});

describe('libssh2', () => {
  const curl = async (...args: readonly string[]): Promise<void> => {
    // The fingerprint of the gateway's key, as a person would pin it.
    const [, key = ''] = (world.path.serverKey ?? '').split(' ');
    const pin = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '');
    const ended = await run('curl', ['-sS', '--hostpubsha256', pin, '-u', 'web-1:token-ann', ...args]);
    expect(ended.code, ended.err).toBe(0);
  };
  const digest = async (file: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex');

  it.each(['sftp', 'scp'])('puts and gets a file over %s', async (scheme) => {
    expect((await run('curl', ['--version'])).out.toString()).toMatch(/libssh2.*\n(?:.*\n)?.*\bscp\b.*\bsftp\b/);
    const content = randomBytes(3_000_000);
    const [local, far, back] = [join(world.dir, `${scheme}-local`), join(world.sshd.dir, 'files', `by-${scheme}`), join(world.dir, `${scheme}-back`)];
    await writeFile(local, content);
    const url = `${scheme}://127.0.0.1:${world.path.port}/${far}`;
    await curl('-T', local, url);
    await curl('-o', back, url);
    const wanted = createHash('sha256').update(content).digest('hex');
    expect([await digest(far), await digest(back)]).toEqual([wanted, wanted]);
    const operations = (await world.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));
    const own = operations.filter(({ exact }) => exact.includes(`by-${scheme}`));
    if (scheme === 'sftp') {
      const transfers = own.flatMap(({ facts, outcome }) => {
        const [effect] = facts?.effects ?? [];
        return effect?.action === 'sftp.write' || effect?.action === 'sftp.read' ? [[effect.action, outcome?.status]] : [];
      });
      expect(transfers).toEqual([
        ['sftp.write', 'ok'],
        ['sftp.read', 'ok'],
      ]);
    } else {
      // libssh2 closes as soon as it has said everything: what scp makes of that as its status is its own affair.
      expect(own.map(({ facts, outcome }) => [facts?.effects[0]?.resource?.name[0], outcome?.message?.replace(/\d+$/, '')])).toEqual([
        ['scp', 'exit status '],
        ['scp', 'exit status '],
      ]);
      expect(own[0]?.received.total).toBeGreaterThan(content.length);
      expect(own[1]?.delivered.total).toBeGreaterThan(content.length);
    }
  });
});
