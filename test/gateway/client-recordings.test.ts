/**
 * Recordings that the CLI makes, against a real gateway and a real database, with the real psql: what is recorded, what policy demands, what a
 * killed or lying client leaves, and who may see it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRecording, SessionDetail } from '../../src/contract/api-types.js';
import { eventually } from '../store/state-server.js';
import { ROOT } from '../support/build-cli.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, OPEN_POLICY, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const RECORDED_POLICY = OPEN_POLICY.replace('effect: allow, actions: [connect]', 'effect: allow, record: client, actions: [connect]');

let world: GatewayWorld;
let gateway: RunningGateway;
let home: CliHome;
let env: Record<string, string>;

beforeAll(async () => {
  world = await startGatewayWorld();
  gateway = await world.start();
});

afterAll(() => world.close());

beforeEach(async () => {
  home = await makeHome();
  const caFile = join(home.folder, 'ca.pem');
  await writeFile(caFile, world.ca);
  env = { GW_GATEWAY: gateway.url, GW_CA_FILE: caFile, GW_ID_TOKEN: await world.token('alice') };
});

afterEach(() => home.remove());

const spool = async (): Promise<string[]> => {
  const root = join(home.env['XDG_STATE_HOME'] ?? join(home.folder, '.local', 'state'), 'gw', 'recordings');
  const folders = await readdir(root).catch(() => []);
  const files = await Promise.all(folders.map(async (folder) => (await readdir(join(root, folder))).map((name) => join(root, folder, name))));
  return files.flat();
};

async function recordings(token?: string): Promise<ClientRecording[]> {
  const { json } = await world.api(gateway, '/api/v1/recordings', { token: token ?? (env['GW_ID_TOKEN'] as string) });
  return json['recordings'] as ClientRecording[];
}

async function sessionOf(recording: string): Promise<SessionDetail> {
  const { json } = await world.api(gateway, '/api/v1/sessions?limit=1000', { token: env['GW_ID_TOKEN'] as string });
  const sessions = json['sessions'] as { id: string; clientRecording?: string }[];
  const found = sessions.find((each) => each.clientRecording === recording);
  if (found === undefined) throw new Error(`no session of ${recording}`);
  return (await world.api(gateway, `/api/v1/sessions/${found.id}`, { token: env['GW_ID_TOKEN'] as string })).json as unknown as SessionDetail;
}

/** The program is killed with gw in the middle of its output. */
async function interrupted(): Promise<string> {
  const cli = home.start(['exec', '--record', 'bank-db', '--', 'sh', '-c', 'psql -Atc "select 6 * 7"; echo waits; exec sleep 600'], { env });
  await cli.stdoutHas('waits');
  cli.child.kill('SIGKILL');
  await cli.done;
  const file = (await spool()).at(-1);
  if (file === undefined) throw new Error('nothing was spooled');
  return file;
}

describe('gw exec --record', () => {
  it('uploads what the command showed, bound to its session; what a database client shows is compared no further', async () => {
    const ran = await home.run(['exec', '--record', 'bank-db', '--', 'sh', '-c', 'psql -Atc "select 6 * 7"; echo oops >&2; exit 23'], { env });
    expect(ran).toEqual({ code: 23, signal: null, stdout: '42\n', stderr: 'oops\n' });
    expect(await spool()).toEqual([]);
    const [recording] = await recordings();
    expect(recording).toMatchObject({ state: 'complete', name: 'alice', targets: ['bank-db'], problems: [] });
    const detail = await sessionOf(recording?.id ?? '');
    expect(detail.clientRecording).toEqual(recording);
    const shown = await home.run(['sessions', 'show', detail.session.id], { env });
    expect(shown.stdout).toContain(`${recording?.id}: complete, uploaded; names the same sessions; content not compared (there is no terminal in its record)`);
    const exported = await home.run(['recordings', 'export', recording?.id ?? ''], { env });
    expect(exported).toMatchObject({ code: 0, stderr: '' });
    const [head = '', ...lines] = exported.stdout.trimEnd().split('\n');
    expect(JSON.parse(head)).toMatchObject({ version: 3, term: { cols: 80, rows: 24 } });
    const events = lines.filter((line) => !line.startsWith('#')).map((line) => (JSON.parse(line) as [number, string, string]).slice(1));
    expect(events).toEqual([
      ['m', detail.session.id],
      ['o', '42\n'],
      ['o', 'oops\n'],
      ['x', '23'],
    ]);
  });

  it('keeps nothing readable on the machine meanwhile, and for its owner alone', async () => {
    const file = await interrupted();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const bytes = await readFile(file);
    const body = bytes.subarray(bytes.indexOf(10) + 1).toString('latin1');
    for (const word of ['42', 'waits', 'ses_', 'sleep']) expect(body).not.toContain(word);
  });

  it('passes on signals, exit codes and a long output, as without a recording', async () => {
    const long = await home.run(['exec', '--record', 'bank-db', '--', 'sh', '-c', 'seq 1 200000'], { env });
    expect(long.stdout.split('\n').length).toBe(200_001);
    expect(await home.run(['exec', '--record', 'bank-db', '--', 'sh', '-c', 'kill -TERM $$'], { env })).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect((await recordings()).slice(0, 2).map(({ state, problems }) => ({ state, problems }))).toEqual([
      { state: 'complete', problems: [] },
      { state: 'complete', problems: [] },
    ]);
  });
});

describe('a recording that was not finished', () => {
  it('is a gap in its session, waits here, and is uploaded later as interrupted', async () => {
    const file = await interrupted();
    const listed = await home.run(['recordings', 'ls', '--json'], { env });
    const { recordings: rows } = JSON.parse(listed.stdout) as { recordings: { id: string; where: string; state: string }[] };
    const id = rows.find(({ where }) => where === 'here')?.id ?? '';
    expect(file).toContain(id);
    expect(rows.find((each) => each.id === id)).toMatchObject({ where: 'here', state: 'waiting' });
    const { session } = await sessionOf(id);
    expect((await home.run(['sessions', 'show', session.id], { env })).stdout).toContain(`${id}: MISSING, the client has not uploaded it`);
    const refused = await home.run(['recordings', 'rm', id], { env });
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('would show it as missing for good');
    const uploaded = await home.run(['recordings', 'upload'], { env });
    expect(uploaded).toMatchObject({ code: 0, stdout: `${id} interrupted; differs: it ends before its program did\n` });
    expect(await spool()).toEqual([]);
    expect((await home.run(['sessions', 'show', session.id], { env })).stdout).toContain(
      `${id}: interrupted, uploaded; DIFFERS: it ends before its program did`,
    );
    const exported = await home.run(['recordings', 'export', id], { env });
    expect(exported.code).toBe(9);
    expect(exported.stdout).toContain('42\\n');
  });

  it('goes on from where an upload was cut off', async () => {
    const file = await interrupted();
    const bytes = await readFile(file);
    const body = bytes.subarray(bytes.indexOf(10) + 1);
    const id = /(rec_\w+)\.gwr$/.exec(file)?.[1] ?? '';
    const piece = { offset: 0, bytes: body.subarray(0, 20).toString('base64') };
    expect(await world.api(gateway, `/api/v1/recordings/${id}/pieces`, { token: env['GW_ID_TOKEN'] as string, body: piece })).toMatchObject({
      json: { received: 20 },
    });
    // Said twice, it is there once.
    expect(await world.api(gateway, `/api/v1/recordings/${id}/pieces`, { token: env['GW_ID_TOKEN'] as string, body: piece })).toMatchObject({
      json: { received: 20 },
    });
    const gap = { offset: 50, bytes: piece.bytes };
    expect(await world.api(gateway, `/api/v1/recordings/${id}/pieces`, { token: env['GW_ID_TOKEN'] as string, body: gap })).toMatchObject({ status: 409 });
    expect((await home.run(['recordings', 'upload', id], { env })).stdout).toContain(`${id} interrupted`);
    expect((await recordings()).find((each) => each.id === id)).toMatchObject({ received: body.length });
  });

  it('that the gateway does not know keeps no other one back, is named, and stays here', async () => {
    const file = await interrupted();
    // Older than all others, so that it comes first: of another state database, say.
    const foreign = 'rec_00000000000000000000000000';
    const bytes = await readFile(file);
    const id = /(rec_\w+)\.gwr$/.exec(file)?.[1] ?? '';
    const end = bytes.indexOf(10) + 1;
    const head = bytes.toString('utf8', 0, end).replace(id, foreign);
    await writeFile(file.replace(id, foreign), Buffer.concat([Buffer.from(head), bytes.subarray(end)]));
    const ran = await home.run(['exec', '--record', 'bank-db', '--', 'psql', '-Atc', 'select 6 * 7'], { env });
    expect(ran).toMatchObject({ code: 0, stdout: '42\n' });
    expect(ran.stderr).toContain(`The recording ${foreign} waits on this machine`);
    expect((await spool()).map((each) => each.includes(foreign))).toEqual([true]);
    expect((await recordings()).slice(0, 2).map(({ state }) => state)).toEqual(['complete', 'interrupted']);
    const second = await interrupted();
    const uploaded = await home.run(['recordings', 'upload'], { env });
    expect(uploaded.code).toBe(1);
    expect(uploaded.stderr).toContain(`Not uploaded: ${foreign}`);
    expect(uploaded.stdout).toMatch(/^rec_\w+ interrupted;/);
    expect(second).not.toBe('');
    expect((await recordings())[0]).toMatchObject({ state: 'interrupted' });
    expect(await home.run(['recordings', 'rm', foreign, '--force'], { env })).toMatchObject({ code: 0 });
    expect(await spool()).toEqual([]);
  });

  it('can be given up, and stays a gap', async () => {
    const file = await interrupted();
    const id = /(rec_\w+)\.gwr$/.exec(file)?.[1] ?? '';
    expect(await home.run(['recordings', 'rm', id, '--force'], { env })).toMatchObject({ code: 0 });
    expect(await spool()).toEqual([]);
    const { session } = await sessionOf(id);
    expect((await home.run(['sessions', 'show', session.id], { env })).stdout).toContain('MISSING');
  });

  it('that was changed on the machine is damaged, and says so', async () => {
    const file = await interrupted();
    const bytes = await readFile(file);
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
    await writeFile(file, bytes);
    const { stdout } = await home.run(['recordings', 'upload'], { env });
    expect(stdout).toMatch(/rec_\w+ damaged; differs: a frame does not open with the key/);
  });

  it('from which the beginning was taken, or another recording put in its place, is damaged', async () => {
    const first = await interrupted();
    await interrupted();
    const [one = '', other = ''] = await spool();
    expect([one, other]).toContain(first);
    const [a, b] = await Promise.all([readFile(one), readFile(other)]);
    const head = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.indexOf(10) + 1);
    const body = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf(10) + 1);
    await writeFile(one, Buffer.concat([head(a), body(b)]));
    await writeFile(other, Buffer.concat([head(b), body(b).subarray(4 + body(b).readUInt32BE(0))]));
    const { stdout } = await home.run(['recordings', 'upload'], { env });
    expect(stdout.match(/damaged; differs: a frame does not open with the key/g)).toHaveLength(2);
  });
});

describe('where policy says `record: client`', () => {
  beforeAll(async () => {
    await world.writePolicy(RECORDED_POLICY);
    gateway.process.kill('SIGHUP');
    await eventually('the policy is in force', async () => {
      const { json } = await world.api(gateway, '/api/v1/targets', { token: await world.token('alice') });
      return (json['targets'] as { record?: string }[])[0]?.record === 'client';
    });
  });

  afterAll(() => world.writePolicy(OPEN_POLICY));

  it('the command records without being told', async () => {
    const ran = await home.run(['exec', 'bank-db', '--', 'psql', '-Atc', 'select 6 * 7'], { env });
    expect(ran).toMatchObject({ code: 0, stdout: '42\n' });
    expect(ran.stderr).toContain('This terminal is recorded: policy wants it for bank-db.');
    expect((await recordings())[0]).toMatchObject({ state: 'complete', problems: [] });
  });

  it('a client without the CLI is not let in', async () => {
    await expect(world.connect(gateway, env['GW_ID_TOKEN'] as string)).rejects.toThrow('only for a client that records its terminal');
  });

  it('a port for another client is not opened', async () => {
    const refused = await home.run(['connect', 'bank-db', '--print', 'url'], { env });
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toContain('gw exec bank-db -- COMMAND');
  });
});

describe('others', () => {
  it('neither see nor upload nor use a recording; auditors read it, and that is recorded', async () => {
    const begun = await world.api(gateway, '/api/v1/recordings', { token: env['GW_ID_TOKEN'] as string, body: { targets: ['bank-db'] } });
    const id = String(begun.json['id']);
    for (const name of ['\ud83d', 'a b', '']) {
      const refused = await world.api(gateway, '/api/v1/recordings', { token: env['GW_ID_TOKEN'] as string, body: { targets: [name] } });
      expect(refused, name).toMatchObject({ status: 400 });
    }
    const mallory = await world.token('mallory');
    const piece = { offset: 0, bytes: Buffer.from('x').toString('base64') };
    expect(await world.api(gateway, `/api/v1/recordings/${id}`, { token: mallory })).toMatchObject({ status: 404 });
    expect(await world.api(gateway, `/api/v1/recordings/${id}/pieces`, { token: mallory, body: piece })).toMatchObject({ status: 404 });
    expect(await world.api(gateway, `/api/v1/recordings/${id}/end`, { token: mallory, body: { bytes: 0, digest: '0'.repeat(64) } })).toMatchObject({
      status: 404,
    });
    expect(await world.api(gateway, `/api/v1/recordings/${id}/cast`, { token: mallory })).toMatchObject({ status: 403 });
    expect((await recordings(mallory)).map((each) => each.id)).not.toContain(id);
    const carol = await world.token('carol', ['auditors']);
    expect((await recordings(carol)).map((each) => each.id)).toContain(id);
    expect(await world.api(gateway, `/api/v1/recordings/${id}/cast`, { token: carol })).toMatchObject({ status: 200 });
    await eventually('the read is in the log', async () => {
      const { json } = await world.api(gateway, '/api/v1/audit/entries?kind=log.read', { token: carol });
      return JSON.stringify(json['entries']).includes(`client recording ${id}`);
    });
  });
});

describe('erasure of the session', () => {
  it('takes the recording with it', async () => {
    await home.run(['exec', '--record', 'bank-db', '--', 'psql', '-Atc', 'select 6 * 7'], { env });
    const [recording] = await recordings();
    const { session } = await sessionOf(recording?.id ?? '');
    const root = await world.token('root', ['admins']);
    expect(await world.api(gateway, `/api/v1/sessions/${session.id}/erase`, { token: root, body: { reason: 'asked by the customer' } })).toMatchObject({
      status: 200,
    });
    const exported = await home.run(['recordings', 'export', recording?.id ?? ''], { env });
    expect(exported).toMatchObject({ code: 1, stdout: '' });
    expect(exported.stderr).toContain('is gone');
  });
});

describe('at a terminal', () => {
  it('the program has a terminal of the same size, and its last words and exit code pass through', async () => {
    const gw = `${process.execPath} ${join(ROOT, 'bin/run.js')}`;
    const child = spawn(
      'script',
      [
        '-qec',
        `stty rows 33 cols 101; ${gw} exec --record bank-db -- sh -c 'stty size; test -t 0 && test -t 1 && echo terminal; read word; echo "got $word"; psql -Atc "select 6*7"; exit 5'`,
        '/dev/null',
      ],
      {
        env: { ...home.env, ...env, TERM: 'xterm-256color' },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      if (said.includes('terminal') && !said.includes('got')) child.stdin.write('täst\r');
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(said.replaceAll('\r', '')).toContain('33 101\nterminal\n');
    expect(said).toContain('got täst');
    expect(said).toContain('42');
    expect(code).toBe(5);
    const [recording] = await recordings();
    expect(recording).toMatchObject({ state: 'complete', problems: [] });
    const { stdout } = await home.run(['recordings', 'export', recording?.id ?? ''], { env });
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({ term: { cols: 101, rows: 33 } });
    expect(stdout).toContain('got täst');
  });

  it('keys, pasted text, the mouse, line feeds and the state of the terminal are as without gw', async () => {
    const probe = join(home.folder, 'probe.py');
    await writeFile(
      probe,
      [
        'import os, signal, tty, termios',
        'signal.signal(signal.SIGINT, signal.SIG_DFL)',
        'before = termios.tcgetattr(0)',
        'os.write(1, b"cooked\\n")',
        'tty.setraw(0)',
        String.raw`os.write(1, b"\x1b[?1006h\x1b[?2004hraw\nstairs\r\n")`,
        'got = b""',
        'while not got.endswith(b"q"): got += os.read(0, 100)',
        'termios.tcsetattr(0, termios.TCSANOW, before)',
        'print(got.hex(), flush=True)',
        'while True: signal.pause()',
      ].join('\n'),
    );
    const typed = '\u0003\u001b[<0;1;1M\u001b[200~two\rlines\u001b[201~\u001a\u001cäq';
    const shown = async (before: string): Promise<{ said: string; code: number | null }> => {
      const child = spawn('script', ['-qec', `trap : INT; stty rows 20 cols 70; stty -g; ${before} python3 ${probe}; echo "ended $?"; stty -g`, '/dev/null'], {
        env: { ...home.env, ...env, TERM: 'xterm-256color' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let said = '';
      let step = 0;
      child.stdout.on('data', (bytes: Buffer) => {
        said += bytes.toString('latin1');
        if (step === 0 && said.includes('stairs')) child.stdin.write([typed, ''][step++] ?? '');
        // Where it is not raw, Ctrl-C ends the program.
        if (step === 1 && said.includes(Buffer.from(typed).toString('hex'))) child.stdin.write(['', '\u0003'][step++] ?? '');
      });
      const [code] = (await once(child, 'close')) as [number | null];
      return { said, code };
    };
    const without = await shown('');
    const withGw = await shown(`${process.execPath} ${join(ROOT, 'bin/run.js')} exec --record bank-db --`);
    expect(without.said).toContain('cooked\r\n\u001b[?1006h\u001b[?2004hraw\nstairs\r\n');
    const [modes] = without.said.split('\r\n');
    expect(without.said.split('\r\n').filter((line) => line === modes)).toHaveLength(2);
    expect(withGw.said.replace(modes ?? '', '').replace(modes ?? '', '')).toBe(without.said.replace(modes ?? '', '').replace(modes ?? '', ''));
    expect(withGw.said.split('\r\n').filter((line) => line === modes)).toHaveLength(2);
    expect(withGw.code).toBe(without.code);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGKILL'] as const)(
    '%s to gw: the terminal is as before; where nobody can catch it, stty sane makes it so',
    async (signal) => {
      const caught = signal !== 'SIGKILL';
      const gw = `${process.execPath} ${join(ROOT, 'bin/run.js')}`;
      // The shell that started gw goes on when gw is gone, as a user's does.
      const script = `trap : INT; stty sane ixon; stty -g; ${gw} exec --record bank-db -- sh -c 'echo "pid-$PPID-"; exec sleep 600'; echo "ended $?"; stty -g; stty sane ixon; stty -g; echo over`;
      const child = spawn('script', ['-qec', script, '/dev/null'], {
        env: { ...home.env, ...env, TERM: 'xterm-256color' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let said = '';
      let sent = false;
      child.stdout.on('data', (bytes: Buffer) => {
        said += bytes.toString();
        const pid = /pid-(\d+)-/.exec(said)?.[1];
        if (pid === undefined || sent) return;
        sent = true;
        process.kill(Number(pid), signal);
      });
      await once(child, 'close');
      const modes = said.replaceAll('\r', '').match(/^[0-9a-f]+(?::[0-9a-f]+){10,}$/gm) ?? [];
      expect(said).toContain('over');
      expect(said).toContain(`ended ${128 + constants.signals[signal]}`);
      expect(modes).toHaveLength(3);
      const [before, after, sane] = modes;
      expect(after === before, said).toBe(caught);
      expect(sane).toBe(before);
      if (!caught) return;
      expect((await recordings())[0]).toMatchObject({ state: 'complete', problems: [] });
    },
  );

  it('Ctrl-Z stops it with gw, and fg goes on with both', async () => {
    const program = 'sh -c \'echo "star""ted"; read word; echo "go""t $word"; exit 3\'';
    const child = spawn('script', ['-qec', 'bash --norc --noprofile -i', '/dev/null'], {
      env: { ...home.env, ...env, TERM: 'xterm-256color', PS1: 'ready> ' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    const steps: [until: string, type: string][] = [
      ['ready> ', `${process.execPath} ${join(ROOT, 'bin/run.js')} exec --record bank-db -- ${program}\n`],
      ['started', '\u001a'],
      ['Stopped', ''],
      ['ready> ', 'echo "in""between"; stty -a | grep -o -- " icanon"; fg\n'],
      ['inbetween', ''],
      [' icanon', ''],
      ['sh -c', 'word\n'],
      ['got word', ''],
      ['ready> ', 'echo "code"" $?"; exit\n'],
      ['code 3', ''],
    ];
    const next = (): void => {
      for (let step = steps[0]; step !== undefined && said.includes(step[0]); step = steps[0]) {
        steps.shift();
        said = said.slice(said.indexOf(step[0]) + step[0].length);
        child.stdin.write(step[1]);
      }
    };
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      next();
    });
    next();
    await once(child, 'close');
    expect(steps).toEqual([]);
    expect((await recordings())[0]).toMatchObject({ state: 'complete', problems: [] });
  });
});
