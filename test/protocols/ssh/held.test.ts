/** What is held for a client that leaves: the request is taken back, and what was asked for never runs, whoever approves it later. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../../src/contract/approval.js';
import { askingPolicy } from '../../approval/asking-policy.js';
import { approveAs, type DeskWorld, reviewer, startDeskWorld } from '../../approval/desk-world.js';
import { demand } from '../../approval/fixture.js';
import { eventually } from '../../store/state-server.js';
import { type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
let desks: DeskWorld;
let number = 0;

beforeAll(async () => {
  desks = await startDeskWorld(1);
  const asks = demand({ groups: ['dba'] });
  world = await startSshWorld({
    approvals: desk().door,
    wrapPolicy: (set) =>
      askingPolicy(set, {
        operation: ({ effects }) =>
          effects.some(({ action, resource }) => action === 'ssh.shell' || action === 'sftp.write' || resource?.name[0] === 'touch') ? asks : null,
        connect: null,
      }),
  });
  desks.policy = world.path.policy;
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await desks?.close();
});

function desk(): DeskWorld['desks'][number] {
  const [first] = desks.desks;
  if (first === undefined) throw new Error('no desk');
  return first;
}

async function held(): Promise<ApprovalRecord> {
  let found: ApprovalRecord[] = [];
  await eventually('a request waits', async () => {
    found = await desk().list({ states: ['pending'], limit: 10 });
    return found.length === 1;
  });
  return found[0] as ApprovalRecord;
}

/** The request is taken back, nobody can approve it any more, and nothing of it ran. */
async function takenBack(request: ApprovalRecord, file: string): Promise<void> {
  await eventually('the request is cancelled', async () => (await desk().find(request.id)).state === 'cancelled');
  await expect(approveAs(desk(), request, 'dan')).rejects.toMatchObject({ code: 'approval.decided' });
  expect(existsSync(file)).toBe(false);
  // It is recorded as soon as the session heard of it, which the state database may tell others first.
  await eventually('the record says so', async () => {
    const operations = (await world.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : []));
    return operations.find(({ exact }) => exact.toString().includes(file))?.decision?.effect === 'deny';
  });
}

interface Shared {
  readonly master: ChildProcess;
  readonly file: string;
  start(...args: readonly string[]): ChildProcess;
}

/** The master of a shared connection in the foreground, so that a signal reaches it, and a file that a held command would make. */
async function shared(): Promise<Shared> {
  const socket = join(world.dir, `held-${++number}`);
  const environment = { env: { ...process.env, ...world.env }, stdio: 'ignore' } as const;
  const master = spawn('ssh', [...world.options(), '-M', '-S', socket, '-N', 'web-1'], environment);
  await eventually('the master listens', () => Promise.resolve(existsSync(socket)));
  return {
    master,
    file: join(world.sshd.dir, 'files', `held-${number}`),
    // A client that loses its master would make a connection of its own, in silence: here it fails instead.
    start: (...args) => spawn('ssh', [...world.options(), '-S', socket, '-o', 'ProxyCommand=false', ...args], environment),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  expect({ code: child.exitCode, signal: child.signalCode }, 'it ended before').toEqual({ code: null, signal: null });
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

/**
 * The master is still there, and is wanted no more. Not by SIGTERM: OpenSSH 9.2 looks whether it was told to end, and then sleeps in poll() without
 * keeping signals out in between, so one that comes just then (the master has only now closed the channel of a client whose end was waited for) is
 * not seen before something else wakes it. Seen once in some 150 times: no signal pending, asleep, and gone as soon as somebody connected to its
 * socket; each time where a debugger holds it in front of poll(), and with another server. Later versions use ppoll(). While something is held the
 * gateway wakes it once a second.
 */
const over = (master: ChildProcess): Promise<void> => end(master, 'SIGKILL');

describe('a held command', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)('of a client of a shared connection that ends by %s is taken back, and the connection goes on', async (signal) => {
    const { master, file, start } = await shared();
    const client = start('web-1', `touch ${file}`);
    const request = await held();
    await end(client, signal);
    await takenBack(request, file);
    const on = start('web-1', 'true');
    expect((await once(on, 'exit'))[0]).toBe(0);
    await over(master);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('of a shared connection whose master ends by %s is taken back', async (signal) => {
    const { master, file, start } = await shared();
    start('web-1', `touch ${file}`);
    const request = await held();
    await end(master, signal);
    await takenBack(request, file);
  });

  it('on a terminal whose client is killed is taken back', async () => {
    const { master, file, start } = await shared();
    const client = start('-tt', 'web-1', `touch ${file}`);
    const request = await held();
    await end(client, 'SIGKILL');
    await takenBack(request, file);
    await over(master);
  });

  it('behind another one whose client is killed is never asked for', async () => {
    const { master, file, start } = await shared();
    const first = once(start('web-1', `touch ${file}-first`), 'exit');
    const request = await held();
    const log = `${file}-log`;
    const second = start('-vvv', '-E', log, 'web-1', `touch ${file}`);
    await eventually('the second one is asked for', async () => existsSync(log) && (await readFile(log, 'utf8')).includes('master session id'));
    await end(second, 'SIGKILL');
    const third = once(start('web-1', 'true'), 'exit');
    await approveAs(desk(), request, 'dan');
    expect([(await first)[0], (await third)[0]]).toEqual([0, 0]);
    expect(await desk().list({ states: ['pending'], limit: 10 })).toEqual([]);
    expect(existsSync(file)).toBe(false);
    await over(master);
  });

  it('that was approved before its client was heard to be gone does not run', async () => {
    const { master, file, start } = await shared();
    const client = start('web-1', `touch ${file}`);
    const request = await held();
    client.kill('SIGKILL');
    // At once: no second has passed in which the gateway would have looked.
    const approved = await approveAs(desk(), request, 'dan').then(
      () => true,
      () => false,
    );
    expect((await once(start('web-1', 'true'), 'exit'))[0]).toBe(0);
    expect(existsSync(file)).toBe(false);
    const operation = (await world.recorded())
      .flatMap((item) => (item.kind === 'operation' ? [item.operation] : []))
      .find(({ exact }) => exact.toString().includes(file));
    // Which is heard first, the yes or that the client is gone, is chance; whichever it is, nothing runs.
    expect(approved ? ['cancelled', 'deny'] : ['deny']).toContain(operation?.outcome?.status ?? operation?.decision?.effect);
    await over(master);
  });
});

interface AtTerminal {
  readonly shown: string;
  /** With this status. */
  readonly ended: Promise<number>;
  type(text: string): void;
}

/** ssh on a terminal of its own, as a person has it. */
function atTerminal(...args: readonly string[]): AtTerminal {
  const terminal = spawnTerminal('ssh', [...world.options(), 'web-1', ...args], { cols: 90, rows: 20, env: { ...process.env, ...world.env } });
  let shown = '';
  terminal.onData((text) => (shown += text));
  return {
    get shown() {
      return shown;
    },
    ended: new Promise((resolve) => void terminal.onExit(({ exitCode }) => resolve(exitCode))),
    type: (text) => terminal.write(text),
  };
}

describe('a held shell', () => {
  it('says on the terminal that it waits and what for, and can be used as soon as it is approved', async () => {
    const at = atTerminal();
    const request = await held();
    await eventually('the terminal shows it', () => at.shown.includes(request.id));
    expect(at.shown).toContain(`waiting for approval ${request.id}: opens a shell on a terminal`);
    // What is typed ahead waits with it.
    at.type("stty size; printf 'us%s\\n' able; exit 6\r");
    await approveAs(desk(), request, 'dan');
    expect(await at.ended).toBe(6);
    expect(at.shown).toContain('was approved by dan');
    expect(at.shown).toContain('20 90\r\n');
    expect(at.shown).toContain('usable\r\n');
    const shell = (await world.recorded()).flatMap((item) => (item.kind === 'operation' && item.operation.form === 'shell' ? [item.operation] : [])).at(-1);
    expect([shell?.decision?.effect, shell?.outcome?.message, shell?.terminal]).toEqual(['allow', 'exit status 6', true]);
  });

  it('that is refused ends without having begun, and says why', async () => {
    const at = atTerminal();
    const request = await held();
    await desk().deny(request.id, reviewer('dan'), 'not today');
    expect(await at.ended).not.toBe(0);
    expect(at.shown).toContain('not today');
  });

  it('is taken back by Ctrl-C, as the notice says, though the terminal sends that as a character', async () => {
    const at = atTerminal();
    const request = await held();
    await eventually('the terminal shows it', () => at.shown.includes('Ctrl-C takes the request back'));
    at.type('typed ahead');
    at.type('\u0003');
    await eventually('the request is cancelled', async () => (await desk().find(request.id)).state === 'cancelled');
    expect(await at.ended).not.toBe(0);
    await expect(approveAs(desk(), request, 'dan')).rejects.toMatchObject({ code: 'approval.decided' });
  });
});
