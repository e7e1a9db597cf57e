/** What ends a session from outside, and what it costs: kill, a lost login, a journal that cannot be written, a target that goes away. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GwError } from '../../../src/contract/gw-error.js';
import type { Journal } from '../../../src/contract/recording.js';
import type { RecordedOperation } from '../../../src/recording/recorded.js';
import { startRealSshd } from '../../support/real-sshd.js';
import { type Ended, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
beforeAll(async () => {
  // Forty clients that begin at once share a machine: how long their logins take there is not what is looked at.
  world = await startSshWorld({ limits: { handshakeTimeoutMs: 60_000 } });
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** Runs `command`, calls `then` when it has said "ready", and gives how it ended. */
function interrupted(on: SshWorld, command: string, then: (child: ChildProcessWithoutNullStreams) => void): Promise<Ended> {
  return on.ssh(['web-1', command], {
    during: (child) => {
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => {
        const before = said;
        said += chunk.toString();
        if (said.includes('ready') && !before.includes('ready')) then(child);
      });
    },
  });
}

const lastOperation = async (on: SshWorld): Promise<RecordedOperation | undefined> =>
  (await on.recorded()).flatMap((item) => (item.kind === 'operation' ? [item.operation] : [])).at(-1);

describe('a running command', () => {
  it('of a killed session ends at once, its client is told by whom and why, and the record says that it was lost', async () => {
    const ended = await interrupted(
      world,
      'echo ready; sleep 1000',
      () => void world.path.bus.publish({ kind: 'session.kill', session: world.path.sessions.at(-1) ?? '', by: 'bob', reason: 'enough' }),
    );
    expect(ended.code).toBe(255);
    expect(ended.err).toContain('bob');
    expect(ended.err).toContain('session.killed');
    expect((await lastOperation(world))?.outcome?.status).toBe('lost');
  });

  it('of a locked person ends', async () => {
    const ended = await interrupted(
      world,
      'echo ready; sleep 1000',
      () => void world.path.bus.publish({ kind: 'subject.locked', issuer: 'test', subject: 'ann', by: 'bob', reason: '' }),
    );
    expect(ended.code).toBe(255);
    expect(ended.err).toContain('login.locked');
  });

  it('of a target that goes away ends, and is lost', async () => {
    const sshd = await startRealSshd();
    const other = await startSshWorld({ sshd });
    try {
      const ended = await interrupted(other, `echo ready; kill -9 $PPID; sleep 1000`, () => undefined);
      expect(ended.code).toBe(255);
      expect((await lastOperation(other))?.outcome?.status).toBe('lost');
    } finally {
      await other[Symbol.asyncDispose]();
      await sshd[Symbol.asyncDispose]();
    }
  });

  it('of a client that goes away ends at the target, too', async () => {
    const pid = await new Promise<string>((resolve) => {
      const child = spawn('ssh', [...world.options(), '-tt', 'web-1', 'echo pid $$; exec sleep 1000'], {
        env: { ...process.env, ...world.env },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      child.stdout.on('data', (chunk: Buffer) => {
        const found = /pid (\d+)/.exec(chunk.toString())?.[1];
        if (found === undefined) return;
        child.kill('SIGKILL');
        resolve(found);
      });
    });
    // Its end is waited for, however long that takes.
    const waiting = spawn('tail', [`--pid=${pid}`, '-f', '/dev/null']);
    await once(waiting, 'exit');
    expect(() => process.kill(Number(pid), 0)).toThrow();
  });
});

describe('a journal that cannot be written', () => {
  it('lets no byte of a command out', async () => {
    let broken = false;
    const wrapJournal = (journal: Journal): Journal =>
      new Proxy(journal, {
        get: (target, name) => {
          if (name === 'commit')
            return () => {
              if (broken) throw new GwError('recording.failed', 'The record cannot be written.');
              target.commit();
            };
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    const other = await startSshWorld({ sshd: world.sshd, wrapJournal });
    try {
      const ended = await interrupted(other, 'echo ready; read -r line; echo "secret output"', (child) => {
        broken = true;
        child.stdin.end('go on\n');
      });
      expect(ended.out.toString()).toBe('ready\n');
    } finally {
      broken = false;
      await other[Symbol.asyncDispose]();
    }
  });
});

describe('a burst of sessions (D19)', () => {
  it('of many at a time is carried, and each is recorded', async () => {
    const before = world.path.sessions.length;
    const ends = await Promise.all(Array.from({ length: 40 }, (_, index) => world.ssh(['web-1', `echo burst ${index}`])));
    expect(ends.map(({ out }) => out.toString())).toEqual(Array.from({ length: 40 }, (_, index) => `burst ${index}\n`));
    expect(world.path.sessions.length - before).toBe(40);
    const recorded = (await world.recorded()).flatMap((item) =>
      item.kind === 'operation' && item.operation.exact.toString().startsWith('echo burst') ? [item.operation.outcome?.status] : [],
    );
    expect(recorded).toEqual(Array.from({ length: 40 }, () => 'ok'));
  });
});

describe('many channels', () => {
  it('of one connection go on while one waits', async () => {
    const socket = join(world.dir, 'mux-many');
    await world.ssh(['-M', '-S', socket, '-f', '-N', 'web-1']);
    let ends: Ended[] = [];
    const waiting = await world.ssh(['-S', socket, 'web-1', 'echo ready; read -r line; echo "got $line"'], {
      during: (child) => {
        child.stdout.once('data', () => {
          // It waits for its line until all the others are through.
          void Promise.all(
            Array.from({ length: 60 }, (_, index) => world.ssh(['-S', socket, 'web-1', `head -c 100000 /dev/zero | wc -c; echo ${index}`])),
          ).then((others) => {
            ends = others;
            child.stdin.end('the line\n');
          });
        });
      },
    });
    expect(waiting.out.toString()).toBe('ready\ngot the line\n');
    expect(ends.map(({ code, out }) => [code, out.toString()])).toEqual(Array.from({ length: 60 }, (_, index) => [0, `100000\n${index}\n`]));
    await world.ssh(['-S', socket, '-O', 'exit', 'web-1']);
  });
});
