/** The record of a terminal: all of it, in time, with its size, as a cast that only draws. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportSession, readSession } from '../../../src/recording/index.js';
import { type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
beforeAll(async () => {
  world = await startSshWorld({ resultCap: 4_096 });
});
afterAll(() => world?.[Symbol.asyncDispose]());

interface CastLine {
  readonly code: string;
  readonly text: string;
}

async function castOf(session: string): Promise<{ lines: CastLine[]; text: string }> {
  let text = '';
  for await (const chunk of exportSession(readSession(world.path.journalDir, world.path.bootId, session), 'asciicast', null)) text += chunk;
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as [number, string, string])
    .map(([, code, data]) => ({ code, text: data }));
  return { lines, text };
}

describe('a terminal', () => {
  it('is recorded beyond the cap of a result, and its cast shows what the client was shown', async () => {
    const ended = await world.ssh(['-tt', 'web-1', 'stty rows 33 cols 101; seq 1 5000; printf "\\033[31mred\\033[0m"; exit 4']);
    expect(ended.code).toBe(4);
    const { lines, text } = await castOf(world.path.sessions.at(-1) ?? '');
    const output = lines.filter(({ code }) => code === 'o').map((line) => line.text);
    // Behind the reset, up to where it is put back as it was.
    const drawn = output.join('').split('\u001bc')[1]?.split('\u001b[0m\u001b[?25h')[0];
    expect(drawn).toBe(ended.out.toString());
    expect(ended.out.length).toBeGreaterThan(20_000);
    expect(lines.some(({ code, text: size }) => code === 'r' && /^\d+x\d+$/.test(size))).toBe(true);
    expect(text).toContain('exit status 4');
  });

  it('redteam 6e: nothing in its cast reaches the clipboard or asks the terminal of who looks at it', async () => {
    await world.ssh(['-tt', 'web-1', "printf '\\033]52;c;ZXZpbA==\\007\\033]0;title\\007\\033[6n\\033Pq\\033\\134the end'"]);
    const { lines } = await castOf(world.path.sessions.at(-1) ?? '');
    const reset = lines.findIndex(({ text }) => text === '\u001bc');
    const drawn = lines
      .slice(reset + 1)
      .map(({ text }) => text)
      .join('');
    expect(drawn).toMatch(/^the end\u001b\[0m/);
  });

  it('of a command without one is none, and is kept up to the cap', async () => {
    await world.ssh(['web-1', 'seq 1 5000']);
    const session = world.path.sessions.at(-1) ?? '';
    for await (const item of readSession(world.path.journalDir, world.path.bootId, session)) {
      expect(item.kind).not.toBe('output');
      if (item.kind === 'operation') expect(item.operation.delivered).toMatchObject({ cut: true });
    }
  });
});
