/**
 * Every operation of SFTP that changes something or looks at something, with OpenSSH's sftp and with paramiko: what is allowed happens and stands in the
 * record with its paths and what it is worth; what is denied is recorded too, and leaves nothing at the host.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SFTP } from '../../../src/protocols/ssh/codec/sftp.js';
import { string, WireReader } from '../../../src/protocols/ssh/codec/wire.js';
import { readRequest } from '../../../src/protocols/ssh/sftp/sftp-requests.js';
import type { RecordedOperation } from '../../../src/recording/recorded.js';
import { type Ended, run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
/** Where everything is allowed, and where everything is denied. */
let open: string;
let closed: string;
/** Operations that tests before looked at. */
let seen = 0;

beforeAll(async () => {
  world = await startSshWorld();
  [open, closed] = [join(world.sshd.dir, 'files', 'open'), join(world.sshd.dir, 'files', 'closed')];
  world.path.setPolicy(`
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - id: closed
    effect: deny
    actions: ['*']
    resources: [path: '${closed}*']
`);
  for (const folder of [open, closed]) {
    await mkdir(join(folder, 'empty'), { recursive: true });
    for (const name of ['a', 'b', 'c']) await writeFile(join(folder, name), name, { mode: 0o644 });
  }
});
afterAll(() => world?.[Symbol.asyncDispose]());

async function sftp(...lines: readonly string[]): Promise<Ended> {
  const file = join(world.dir, 'batch');
  await writeFile(file, `${lines.join('\n')}\n`);
  return run('sftp', [...world.options(), '-o', 'BatchMode=no', '-b', file, 'web-1'], { env: world.env });
}

/** Each line with `sftp` for the client; what it raises is printed. */
function paramiko(lines: readonly string[]): Promise<Ended> {
  const program = `
import os, paramiko
t = paramiko.Transport(('127.0.0.1', ${world.path.port}))
t.connect(username='web-1', password='token-ann')
sftp = paramiko.SFTPClient.from_transport(t)
def do(action):
    try:
        print('ok', action())
    except Exception as error:
        print('NOT DONE', error)
${lines.map((line) => `do(lambda: ${line})`).join('\n')}
t.close()
`;
  return run('/usr/bin/python3', ['-W', 'ignore', '-c', program]);
}

/** What was recorded since the last call: text, verdict, and the paths of the effects. */
async function recorded(): Promise<{ text: string; effect: string | undefined; paths: string[] }[]> {
  const all = (await world.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));
  const fresh: RecordedOperation[] = all.slice(seen);
  seen = all.length;
  return fresh.map(({ exact, decision, facts }) => {
    expect(facts?.effects.every((each) => each.facts['assurance'] === 'enforced')).toBe(true);
    const paths = facts?.effects.flatMap(({ action, resource, facts: { path, mode } }) => {
      // The resource that rules match is the path as it was asked for; a relative one (sftp asks where it is) is made whole.
      if (path === undefined || String(path).startsWith('/'))
        expect(resource === null ? undefined : resource.name).toEqual(path === undefined ? undefined : [path]);
      return path === undefined ? [] : [`${action}${mode === undefined ? '' : ` ${String(mode)}`} ${String(path)}`];
    });
    return { text: exact.toString(), effect: decision?.effect, paths: paths ?? [] };
  });
}

/** Everything below a folder with mode, size, time and where links lead: two are alike where nothing happened. */
const snapshot = (folder: string): string => execFileSync('find', [folder, '-printf', '%P %y %m %s %T@ %l %n\n']).toString().split('\n').sort().join('\n');

interface Case {
  readonly what: string;
  /** For OpenSSH's sftp, in `at`. */
  readonly line?: (at: string) => string;
  /** For paramiko. */
  readonly python?: (at: string) => string;
  readonly text: (at: string) => string;
  readonly paths: (at: string) => readonly string[];
  readonly happened: (at: string) => Promise<unknown>;
  readonly result: unknown;
}

const moved = (to: string) => async (at: string) => [await readFile(join(at, to), 'utf8'), (await readdir(at)).includes('a')];
const twice = (action: string, from: string, to: string) => (at: string) => [`${action} from ${at}/${from}`, `${action} to ${at}/${to}`];
const once = (action: string, name: string) => (at: string) => [`${action} ${at}/${name}`];
const modeOf = (name: string) => async (at: string) => ((await stat(join(at, name))).mode & 0o777).toString(8);
const names = async (at: string): Promise<string[]> => (await readdir(at)).sort();

const CASES: readonly Case[] = [
  {
    what: 'posix-rename',
    line: (at) => `rename ${at}/a ${at}/moved`,
    text: (at) => `moves ${at}/a to ${at}/moved`,
    paths: twice('sftp.rename', 'a', 'moved'),
    happened: moved('moved'),
    result: ['a', false],
  },
  {
    what: 'rename of the standard',
    line: (at) => `rename -l ${at}/moved ${at}/again`,
    text: (at) => `moves ${at}/moved to ${at}/again`,
    paths: twice('sftp.rename', 'moved', 'again'),
    happened: moved('again'),
    result: ['a', false],
  },
  {
    what: 'hardlink',
    line: (at) => `ln ${at}/b ${at}/hard`,
    text: (at) => `links ${at}/b to ${at}/hard`,
    paths: twice('sftp.link', 'b', 'hard'),
    happened: async (at) => (await stat(join(at, 'b'))).ino === (await stat(join(at, 'hard'))).ino,
    result: true,
  },
  {
    what: 'symlink',
    line: (at) => `ln -s ${at}/b ${at}/soft`,
    text: (at) => `links ${at}/b to ${at}/soft`,
    paths: twice('sftp.link', 'b', 'soft'),
    happened: async (at) => (await readlink(join(at, 'soft'))).replace(at, ''),
    result: '/b',
  },
  {
    what: 'mkdir',
    line: (at) => `mkdir ${at}/new`,
    text: (at) => `makes the folder ${at}/new`,
    paths: once('sftp.mkdir', 'new'),
    happened: names,
    result: expect.arrayContaining(['new']),
  },
  {
    what: 'rmdir',
    line: (at) => `rmdir ${at}/empty`,
    text: (at) => `removes the folder ${at}/empty`,
    paths: once('sftp.rmdir', 'empty'),
    happened: async (at) => (await names(at)).includes('empty'),
    result: false,
  },
  {
    what: 'setstat',
    line: (at) => `chmod 600 ${at}/c`,
    text: (at) => `changes the attributes of ${at}/c`,
    paths: once('sftp.setstat', 'c'),
    happened: modeOf('c'),
    result: '600',
  },
  {
    what: 'lsetstat',
    line: (at) => `chown -h ${process.getuid?.() ?? 0} ${at}/c`,
    text: (at) => `changes the attributes of ${at}/c`,
    paths: once('sftp.setstat', 'c'),
    happened: modeOf('c'),
    result: '600',
  },
  { what: 'statvfs', line: (at) => `df ${at}`, text: (at) => `looks at ${at}`, paths: (at) => [`sftp.stat ${at}`], happened: modeOf('c'), result: '600' },
  {
    what: 'remove',
    line: (at) => `rm ${at}/hard`,
    text: (at) => `removes ${at}/hard`,
    paths: once('sftp.remove', 'hard'),
    happened: async (at) => (await names(at)).includes('hard'),
    result: false,
  },
  {
    what: 'writing with fsync',
    line: (at) => `put -f ${world.dir}/config ${at}/sent`,
    text: (at) => `writes ${at}/sent`,
    paths: (at) => [`sftp.write write ${at}/sent`],
    happened: async (at) => (await readFile(join(at, 'sent'))).equals(await readFile(join(world.dir, 'config'))),
    result: true,
  },
  {
    what: 'rename of paramiko',
    python: (at) => `sftp.rename('${at}/again', '${at}/py')`,
    text: (at) => `moves ${at}/again to ${at}/py`,
    paths: twice('sftp.rename', 'again', 'py'),
    happened: moved('py'),
    result: ['a', false],
  },
  {
    what: 'posix_rename of paramiko',
    python: (at) => `sftp.posix_rename('${at}/py', '${at}/py2')`,
    text: (at) => `moves ${at}/py to ${at}/py2`,
    paths: twice('sftp.rename', 'py', 'py2'),
    happened: moved('py2'),
    result: ['a', false],
  },
  {
    what: 'symlink of paramiko',
    python: (at) => `sftp.symlink('${at}/b', '${at}/pysoft')`,
    text: (at) => `links ${at}/b to ${at}/pysoft`,
    paths: twice('sftp.link', 'b', 'pysoft'),
    happened: async (at) => (await readlink(join(at, 'pysoft'))).replace(at, ''),
    result: '/b',
  },
  {
    what: 'readlink of paramiko',
    python: (at) => `sftp.readlink('${at}/pysoft')`,
    text: (at) => `looks at ${at}/pysoft`,
    paths: once('sftp.stat', 'pysoft'),
    happened: modeOf('c'),
    result: '600',
  },
  {
    what: 'mkdir of paramiko',
    python: (at) => `sftp.mkdir('${at}/pydir')`,
    text: (at) => `makes the folder ${at}/pydir`,
    paths: once('sftp.mkdir', 'pydir'),
    happened: names,
    result: expect.arrayContaining(['pydir']),
  },
  {
    what: 'rmdir of paramiko',
    python: (at) => `sftp.rmdir('${at}/pydir')`,
    text: (at) => `removes the folder ${at}/pydir`,
    paths: once('sftp.rmdir', 'pydir'),
    happened: async (at) => (await names(at)).includes('pydir'),
    result: false,
  },
  {
    what: 'truncate of paramiko',
    python: (at) => `sftp.truncate('${at}/b', 7)`,
    text: (at) => `changes the attributes of ${at}/b`,
    paths: once('sftp.setstat', 'b'),
    happened: async (at) => (await stat(join(at, 'b'))).size,
    result: 7,
  },
  {
    what: 'utime of paramiko',
    python: (at) => `sftp.utime('${at}/b', (1, 2))`,
    text: (at) => `changes the attributes of ${at}/b`,
    paths: once('sftp.setstat', 'b'),
    happened: async (at) => (await stat(join(at, 'b'))).mtimeMs,
    result: 2_000,
  },
];

const act = ({ line, python }: Case, at: string): Promise<Ended> => (line === undefined ? paramiko([python?.(at) ?? '']) : sftp(line(at)));

describe('an operation of SFTP', () => {
  it.each(CASES)('$what: happens where it is allowed, and is recorded with its paths', async (each) => {
    await recorded();
    const ended = await act(each, open);
    expect(ended.code, ended.err).toBe(0);
    expect(ended.out.toString()).not.toContain('NOT DONE');
    expect(await each.happened(open)).toEqual(each.result);
    expect((await recorded()).filter(({ text }) => text === each.text(open))).toEqual([{ text: each.text(open), effect: 'allow', paths: each.paths(open) }]);
  });

  it.each(CASES)('$what: leaves nothing where it is denied, and is recorded as denied', async (each) => {
    await recorded();
    const before = snapshot(closed);
    const ended = await act(each, closed);
    expect(ended.code === 0 && !ended.out.toString().includes('NOT DONE'), ended.err).toBe(false);
    expect(snapshot(closed)).toBe(before);
    const told = await recorded();
    // sftp looks at some paths first, which is denied already: then the operation itself is never asked for.
    const denied = told.filter(({ effect }) => effect === 'deny');
    expect(denied.map(({ text }) => text)).toContain(told.some(({ text }) => text === each.text(closed)) ? each.text(closed) : denied[0]?.text);
    expect(denied.every(({ paths }) => paths.some((path) => path.includes(closed)))).toBe(true);
    expect(told.filter(({ effect, paths }) => effect === 'allow' && paths.some((path) => path.includes(closed)))).toEqual([]);
  });

  it('with two paths is denied for either of them', async () => {
    const [inside, outside] = [snapshot(closed), snapshot(open)];
    const ended = await paramiko([
      `sftp.rename('${closed}/a', '${open}/stolen')`,
      `sftp.rename('${open}/c', '${closed}/lost')`,
      `sftp.posix_rename('${open}/c', '${closed}/lost')`,
      `sftp.symlink('${closed}/a', '${open}/peek')`,
      `sftp.symlink('${open}/c', '${closed}/peek')`,
    ]);
    expect(ended.out.toString().match(/NOT DONE/g), ended.err).toHaveLength(5);
    expect([snapshot(closed), snapshot(open)]).toEqual([inside, outside]);
  });

  it('that is not carried is told to no client, so none begins with it; who asks for it all the same is refused', async () => {
    await recorded();
    const before = [snapshot(closed), snapshot(open)];
    const ended = await sftp(`cp ${open}/b ${open}/copied`);
    expect(ended.code).toBe(1);
    expect(ended.err).toContain('Server does not support copy-data extension');
    // The others still are.
    expect((await sftp(`df ${open}`)).code).toBe(0);
    const asked = await paramiko(["sftp._request(200, 'copy-data', 'handle')"]);
    expect(asked.out.toString(), asked.err).toContain('NOT DONE');
    expect([snapshot(closed), snapshot(open)]).toEqual(before);
    const told = await recorded();
    expect(told.filter(({ text }) => text.startsWith('reads') || text.startsWith('writes'))).toEqual([]);
    expect(told.map(({ text, effect }) => [text, effect])).toContainEqual(['the SFTP extension "copy-data" is not carried', 'deny']);
  });
});

describe('a link', () => {
  const named = (type: number, parts: readonly string[], home: string | null): unknown => {
    const request = readRequest(type, new WireReader(Buffer.concat(parts.map((part) => string(part)))), home);
    return request.kind === 'judged' ? request.facts.effects.map(({ resource }) => resource?.name[0]) : request.kind;
  };

  it.each([
    [['secret', '/srv/in/x'], '/home/deploy', ['/srv/in/secret', '/srv/in/x']],
    [['a/secret', 'in/x'], '/home/deploy', ['/home/deploy/in/a/secret', '/home/deploy/in/x']],
    [['secret', 'x'], '/home/deploy', ['/home/deploy/secret', '/home/deploy/x']],
    [['.', '/srv/in/x/'], '/home/deploy', ['/srv/in', '/srv/in/x']],
    [['secret', '/x'], '/home/deploy', ['/secret', '/x']],
    [['/etc/passwd', 'x'], null, ['/etc/passwd', null]],
    [['secret', 'x'], null, [null, null]],
    [['secret', '/srv/in/x'], null, ['/srv/in/secret', '/srv/in/x']],
    [['secret', '/srv/../x'], '/home/deploy', [null, null]],
    [['../secret', '/srv/in/x'], '/home/deploy', [null, '/srv/in/x']],
  ] as const)('to what counts from the folder of the link: %j from %s', (parts, home, wanted) => {
    expect(named(SFTP.symlink, parts, home)).toEqual(wanted);
  });

  it('to a file itself has both of its paths from where SFTP starts', () => {
    expect(named(SFTP.extended, ['hardlink@openssh.com', 'secret', '/srv/in/x'], '/home/deploy')).toEqual(['/home/deploy/secret', '/srv/in/x']);
  });

  it('to something relative that may not be linked to is denied, and is not there', async () => {
    const files = join(world.sshd.dir, 'files');
    await sftp(`-ln -s closed/a ${files}/peek`, `-ln -s ../closed/a ${open}/peek`, `-ln -s a ${open}/fine`);
    expect((await readdir(files)).includes('peek')).toBe(false);
    expect(await readdir(open)).not.toContain('peek');
    expect(await readlink(join(open, 'fine'))).toBe('a');
    const links = (await recorded()).filter(({ text }) => text.startsWith('links'));
    expect(links.map(({ effect }) => effect)).toEqual(['deny', 'deny', 'allow']);
  });
});
