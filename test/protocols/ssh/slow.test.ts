/** A client that does not read and a program that does not: nothing piles up in the gateway, another session goes on, and nothing is lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { ScriptedClient } from '../../support/ssh-peers.js';
import { run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
beforeAll(async () => {
  world = await startSshWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const STEP = 65_536;
const STEPS = 1_000;
/** Each is answered with 68 bytes. */
const OPENINGS = 500_000;
/** The windows of OpenSSH (2 MiB), its pipes and sockets, and some. */
const ON_THE_WAY = 16 << 20;

const client = (command: string): ReturnType<typeof spawn> =>
  spawn('ssh', [...world.options(), 'web-1', command], { env: { ...process.env, ...world.env }, stdio: ['pipe', 'pipe', 'inherit'] });

/** Waits until `moved` stands still while another session, and another one, did its work; gives where. */
async function standstill(moved: () => number | Promise<number>): Promise<number> {
  for (let [before, now] = [-1, await moved()]; ; [before, now] = [now, await moved()]) {
    if (now > 0 && now === before) return now;
    expect((await world.ssh(['web-1', 'echo on'])).out.toString()).toBe('on\n');
  }
}

describe('a client that does not read', () => {
  it('stops the program at the target, and gets everything when it reads', async () => {
    const progress = join(world.sshd.dir, 'files', 'progress');
    const child = client(`i=0; while [ $i -lt ${STEPS} ]; do head -c ${STEP} /dev/zero; i=$((i + 1)); echo $i > ${progress}; done`);
    const exited = once(child, 'exit');
    const written = async (): Promise<number> => STEP * Number(await readFile(progress, 'utf8').catch(() => '0'));
    expect(await standstill(written)).toBeLessThan(ON_THE_WAY);
    let got = 0;
    for await (const chunk of child.stdout ?? []) got += (chunk as Buffer).length;
    expect(got).toBe(STEP * STEPS);
    expect(await exited).toEqual([0, null]);
  });
});

describe('a client that does not read what the gateway itself answers', () => {
  it('is not read either, and gets every answer when it reads', async () => {
    const ann = await ScriptedClient.login(world.path.port);
    await ann.sends([message(MESSAGE.globalRequest, string('no-more-sessions@openssh.com'), boolean(false))]);
    ann.reads = false;
    const taken = ann.repeats(message(MESSAGE.open, string('session'), uint32(1), uint32(1 << 20), uint32(32_768)), OPENINGS);
    expect(await standstill(taken)).toBeLessThan(OPENINGS);
    ann.reads = true;
    await ann.until(() => ann.heard.length === OPENINGS);
    expect(new Set(ann.heard.map(([kind]) => kind))).toEqual(new Set([MESSAGE.openFailure]));
    ann.end();
  });
});

describe('a program that does not read', () => {
  it('stops the client, and gets everything when it reads', async () => {
    const fifo = join(world.sshd.dir, 'files', 'go');
    expect((await run('mkfifo', [fifo])).code).toBe(0);
    const child = client(`cat ${fifo} > /dev/null; wc -c`);
    const exited = once(child, 'exit');
    let taken = 0;
    const input = Readable.from(
      (function* () {
        for (let step = 0; step < STEPS; step++) {
          taken += STEP;
          yield Buffer.alloc(STEP);
        }
      })(),
    );
    if (child.stdin !== null) input.pipe(child.stdin);
    expect(await standstill(() => taken)).toBeLessThan(ON_THE_WAY);
    const out = (async () => {
      let said = '';
      for await (const chunk of child.stdout ?? []) said += String(chunk);
      return said;
    })();
    expect((await run('sh', ['-c', `: > ${fifo}`])).code).toBe(0);
    expect((await out).trim()).toBe(String(STEP * STEPS));
    expect(await exited).toEqual([0, null]);
  });
});
