/** Sensitive values in what programs say: hidden in the record, and on the terminal where policy says so; with the system's own ssh and sshd. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionItem } from '../../../src/recording/recorded.js';
import { type Ended, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

const SSN = '536-22-8734';
const CARD = '4111 1111 1111 1111';
const policy = (screen: boolean): string => `
version: 1
defaults: [{ operations: allow }]
classes:
  ssn: { treatment: partial, detect: true, screen: ${String(screen)} }
  pan: { treatment: partial, detect: true, screen: ${String(screen)} }
  email: { treatment: mask, detect: true }
masks:
  - { id: bob-sees, subjects: { ids: ['test#bob'] }, classes: [ssn], treatment: clear }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

let world: SshWorld;
beforeAll(async () => {
  world = await startSshWorld({ policy: policy(true) });
});
afterAll(() => world?.[Symbol.asyncDispose]());

const terminal = (command: string, person = 'ann'): Promise<Ended> => world.ssh(['-tt', 'web-1', command], { person });
const lastOf = (items: readonly SessionItem[]) => items.findLast((item) => item.kind === 'operation')?.operation;
async function recordedText(): Promise<string> {
  const items = await world.recorded();
  const sequence = lastOf(items)?.sequence;
  const session = items.findLastIndex(({ kind }) => kind === 'start');
  return items
    .slice(session)
    .flatMap((item) => (item.kind === 'output' && item.sequence === sequence ? [item.bytes.toString()] : []))
    .join('');
}
async function counted(): Promise<unknown> {
  const items = await world.recorded();
  return items
    .slice(items.findLastIndex(({ kind }) => kind === 'start'))
    .flatMap((item) => (item.kind === 'event' && item.event === 'masked' ? [item.data['values']] : []));
}

describe('on a terminal', () => {
  it('what policy hides on the screen is hidden there and in the record, whole as it is split, coloured and at the end', async () => {
    const pieces = [
      `printf 'ssn ${SSN} card ${CARD}\\n'`,
      `printf '536-2'; sleep 0.2; printf '2-8734 split\\n'`,
      `printf '\\033[31m536-\\033[1m22-8734\\033[0m red\\n'`,
      `printf 'last ${SSN}'`,
    ];
    const ended = await terminal(pieces.join('; '));
    const shown = ended.out.toString();
    for (const text of [shown, await recordedText()]) {
      expect(text).not.toMatch(/536-.{0,8}22-8734|4111 1111/);
      expect(text).toContain('***-**-8734 split');
      expect(text).toMatch(/card [*• ]*1111/);
      expect(text).toMatch(/last \*\*\*-\*\*-8734$/);
      expect(text).toContain('\u001b[0m red');
    }
    expect(ended.code).toBe(0);
    expect(await counted()).toEqual([
      [expect.objectContaining({ class: 'ssn', treatment: 'partial', values: 4 }), expect.objectContaining({ class: 'pan', values: 1 })],
    ]);
  });

  it('what it does not hide there is hidden in the record, and counted as shown in clear', async () => {
    const ended = await terminal(`echo 'write to ann.smith@example.com now'`);
    expect(ended.out.toString()).toContain('ann.smith@example.com');
    expect(await recordedText()).toContain('write to **** now');
    expect(await counted()).toEqual([[expect.objectContaining({ class: 'email', treatment: 'clear', values: 1 })]]);
  });

  it('who may see it does, and the record still hides it', async () => {
    const ended = await terminal(`echo ${SSN}`, 'bob');
    expect(ended.out.toString()).toContain(SSN);
    const recorded = await recordedText();
    expect(recorded).not.toContain(SSN);
    expect(recorded).toContain('****');
    expect(await counted()).toEqual([[expect.objectContaining({ class: 'ssn', treatment: 'clear', rule: 'test/bob-sees' })]]);
  });

  it('the prompt, what is typed and full-screen sequences come through at once', async () => {
    let said = '';
    const ended = await world.ssh(['-tt', 'web-1', `printf 'name: '; read -r name; printf '\\033[2J\\033[5;10Hhello %s\\033[1;1H' "$name"; printf 'bye\\n'`], {
      during: (child) => {
        child.stdout.on('data', (chunk: Buffer) => {
          const before = said;
          said += chunk.toString();
          if (said.includes('name: ') && !before.includes('name: ')) child.stdin.end('ann\n');
        });
      },
    });
    expect(ended.out.toString()).toContain('\u001b[2J\u001b[5;10Hhello ann\u001b[1;1Hbye');
  });

  afterEach(() => world.path.setPolicy(policy(true)));

  it('output that is much shorter and much longer than it was keeps flowing', async () => {
    const lines = join(world.sshd.dir, 'files', 'numbers');
    const count = 200_000;
    await writeFile(lines, `${SSN} ${CARD}\n`.repeat(count));
    for (const treatment of ['token', 'mask']) {
      world.path.setPolicy(policy(true).replaceAll('treatment: partial', `treatment: ${treatment}`));
      const ended = await terminal(`cat ${lines}; echo done`);
      expect(ended.code, ended.err).toBe(0);
      const text = ended.out.toString();
      expect(text.split('\n').length, treatment).toBe(count + 2);
      expect(text).not.toContain('536-22');
      expect(text).toMatch(/done\r\n$/);
    }
  }, 120_000);
});

describe('without a terminal', () => {
  it('bytes are delivered as they are, and hidden in the record', async () => {
    const ended = await world.ssh(['web-1', `echo ${SSN}; echo 'card ${CARD}' >&2`]);
    expect({ out: ended.out.toString(), err: ended.err }).toEqual({ out: `${SSN}\n`, err: `card ${CARD}\n` });
    const text = lastOf(await world.recorded())?.delivered.bytes.toString() ?? '';
    expect(text).toContain('***-**-8734');
    expect(text).not.toContain('4111 1111');
  });

  it('files over SFTP and commands that exchange bytes come through unchanged', async () => {
    const random = join(world.dir, 'bytes');
    await writeFile(random, `${SSN}\n`.repeat(1_000));
    const ended = await world.ssh(['web-1', 'cat'], { input: `${SSN}\n`.repeat(100_000) });
    expect(ended.out.length).toBe(1_200_000);
    expect(ended.out.subarray(0, 11).toString()).toBe(SSN);
  });
});

describe('without anything that is looked for', () => {
  it('the record is what was delivered', async () => {
    world.path.setPolicy('version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: all, effect: allow, actions: [connect] }]');
    const ended = await terminal(`echo ${SSN}`);
    expect(ended.out.toString()).toContain(SSN);
    expect(await recordedText()).toContain(SSN);
    world.path.setPolicy(policy(true));
  });
});
