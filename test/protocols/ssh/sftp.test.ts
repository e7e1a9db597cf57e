/** Files through the gateway: sftp, scp, rsync and git of the system, what policy sees of paths, what is recorded of content. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecordedOperation } from '../../../src/recording/recorded.js';
import { run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
let files: string;
const content = randomBytes(3_000_000);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  world = await startSshWorld();
  files = join(world.sshd.dir, 'files');
  await mkdir(join(files, 'open'));
  await mkdir(join(files, 'closed'));
  await writeFile(join(files, 'closed', 'secret'), 'closed');
  await writeFile(join(world.dir, 'local'), content);
  world.path.setPolicy(`
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
  - id: closed
    effect: deny
    actions: [sftp.read, sftp.write, sftp.remove, sftp.rename, sftp.setstat, sftp.link, sftp.list, sftp.stat, sftp.mkdir, sftp.rmdir]
    resources: [path: '${files}/closed*']
    message: This folder is closed.
`);
});
afterAll(() => world?.[Symbol.asyncDispose]());

const client = (command: string, ...args: string[]): ReturnType<typeof run> => run(command, [...world.options(), ...args], { env: world.env });
const batch = async (...lines: string[]): ReturnType<typeof run> => {
  const file = join(world.dir, `batch-${lines.length}`);
  await writeFile(file, `${lines.join('\n')}\n`);
  // A batch alone would forbid passwords.
  return run('sftp', [...world.options(), '-o', 'BatchMode=no', '-b', file, 'web-1'], { env: world.env });
};
const operations = async (): Promise<RecordedOperation[]> => (await world.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));
const last = async (text: string): Promise<RecordedOperation | undefined> => (await operations()).findLast(({ exact }) => exact.toString() === text);

describe('sftp', () => {
  it('sends and fetches a file whole; path, size and digest are in the record', async () => {
    const sent = await batch(`put ${join(world.dir, 'local')} ${files}/open/sent`, `get ${files}/open/sent ${join(world.dir, 'back')}`);
    expect(sent.code, sent.err).toBe(0);
    expect(sha256(await readFile(join(files, 'open', 'sent')))).toBe(sha256(content));
    expect(sha256(await readFile(join(world.dir, 'back')))).toBe(sha256(content));
    const put = await last(`writes ${files}/open/sent`);
    expect(put?.outcome).toMatchObject({ status: 'ok', message: `3000000 bytes written, sha256 ${sha256(content)}` });
    expect(put?.received).toMatchObject({ cut: true, total: content.length, digest: sha256(content), plain: true });
    expect(put?.received.bytes.equals(content.subarray(0, put.received.bytes.length))).toBe(true);
    const get = await last(`reads ${files}/open/sent`);
    expect(get?.outcome).toMatchObject({ status: 'ok', message: `3000000 bytes read, sha256 ${sha256(content)}` });
    expect(get?.facts?.effects[0]).toMatchObject({
      action: 'sftp.read',
      resource: { type: 'path', name: [`${files}/open/sent`] },
      facts: { assurance: 'enforced' },
    });
  });

  it('refuses by path, says why, and goes on', async () => {
    const ended = await batch(
      `-get ${files}/closed/secret ${join(world.dir, 'stolen')}`,
      `-rm ${files}/closed/secret`,
      `-rename ${files}/closed/secret ${files}/open/moved`,
      `-ln -s ${files}/closed/secret ${files}/open/link`,
      `ls ${files}/open`,
    );
    expect(ended.code).toBe(0);
    expect(ended.out.toString()).toContain('sent');
    expect(existsSync(join(world.dir, 'stolen'))).toBe(false);
    expect(existsSync(join(files, 'closed', 'secret'))).toBe(true);
    expect(existsSync(join(files, 'open', 'moved'))).toBe(false);
    expect(existsSync(join(files, 'open', 'link'))).toBe(false);
    expect((await operations()).filter(({ decision }) => decision?.effect === 'deny').length).toBeGreaterThanOrEqual(3);
  });

  it('a path with .. in it may be a closed one, and is refused like it', async () => {
    const ended = await batch(`-get ${files}/open/../closed/secret ${join(world.dir, 'stolen')}`);
    expect(ended.out.toString() + ended.err).toContain('closed');
    expect(existsSync(join(world.dir, 'stolen'))).toBe(false);
  });

  it('lists a folder of thousands, and makes and removes some', async () => {
    await mkdir(join(files, 'open', 'many'));
    await Promise.all(Array.from({ length: 2_000 }, (_, index) => writeFile(join(files, 'open', 'many', `file-with-a-long-name-${index}`), '')));
    const ended = await batch(`ls -l ${files}/open/many`, `mkdir ${files}/open/new`, `rmdir ${files}/open/new`, `chmod 600 ${files}/open/sent`, `df ${files}`);
    expect(ended.code, ended.err).toBe(0);
    expect(ended.out.toString().match(/file-with-a-long-name/g)).toHaveLength(2_000);
  });

  it('hundreds of refusals in a row do not use up the window', async () => {
    const ended = await batch(...Array.from({ length: 600 }, () => `-rm ${files}/closed/secret`), `ls ${files}/open`);
    expect(ended.code).toBe(0);
    expect(ended.out.toString()).toContain('sent');
  });
});

describe('other clients', () => {
  it('scp, in both of its protocols', async () => {
    for (const flag of ['-s', '-O']) {
      const ended = await client('scp', flag, join(world.dir, 'local'), `web-1:${files}/open/scp${flag}`);
      expect(ended.code, ended.err).toBe(0);
      expect(sha256(await readFile(join(files, 'open', `scp${flag}`)))).toBe(sha256(content));
      const back = await client('scp', flag, `web-1:${files}/open/scp${flag}`, join(world.dir, `back${flag}`));
      expect(back.code, back.err).toBe(0);
      expect(sha256(await readFile(join(world.dir, `back${flag}`)))).toBe(sha256(content));
    }
  });

  it('rsync and git', async () => {
    const rsh = `ssh ${world.options().join(' ')}`;
    const synced = await run('rsync', ['-a', '-e', rsh, `${world.dir}/local`, `web-1:${files}/open/synced`], { env: world.env });
    expect(synced.code, synced.err).toBe(0);
    expect(sha256(await readFile(join(files, 'open', 'synced')))).toBe(sha256(content));
    const repository = join(files, 'open', 'repository');
    execFileSync('git', ['init', '-q', repository]);
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-q', '--allow-empty', '-m', 'first']);
    const cloned = await run('git', ['clone', '-q', `web-1:${repository}`, join(world.dir, 'clone')], { env: { ...world.env, GIT_SSH_COMMAND: rsh } });
    expect(cloned.code, cloned.err).toBe(0);
    expect(execFileSync('git', ['-C', join(world.dir, 'clone'), 'log', '--format=%s']).toString()).toBe('first\n');
  });

  it('a link of the target is followed by the target: the record names the path that was asked for', async () => {
    await symlink(join(files, 'open', 'sent'), join(files, 'open', 'alias'));
    expect((await batch(`get ${files}/open/alias ${join(world.dir, 'alias')}`)).code).toBe(0);
    expect(await last(`reads ${files}/open/alias`)).toBeDefined();
  });
});
