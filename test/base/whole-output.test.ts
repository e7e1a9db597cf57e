/** All that a program says on a terminal arrives before its end does, however slowly it is read. */
import { type IPty, spawn } from '@lydell/node-pty';
import { describe, expect, it } from 'vitest';
import { wholeOutput } from '../../src/base/whole-output.js';

const open = (script: string): IPty => spawn('/bin/sh', ['-c', script], { cols: 80, rows: 24, encoding: null });
const sleep = (ms: number): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

async function said(pty: IPty, onChunk: (chunks: number) => void = () => undefined): Promise<string> {
  const chunks: Buffer[] = [];
  const output = wholeOutput(pty, (chunk) => onChunk(chunks.push(chunk)));
  await new Promise((resolve) => pty.onExit(resolve));
  output.close();
  return Buffer.concat(chunks).toString();
}

const LINES = Array.from({ length: 8_000 }, (_, at) => `${at + 1}\r\n`).join('');

describe('the whole output of a terminal', () => {
  it('is there when its reader is held up, as by a terminal that takes no more, while the program ends', async () => {
    const pty = open('seq 1 8000; echo end >&2');
    expect(await said(pty, (chunks) => chunks === 1 && sleep(600))).toBe(`${LINES}end\r\n`);
  });

  it('is there when it was not being read', async () => {
    const pty = open('echo first; read word; echo "$word"; seq 1 200');
    const text = said(pty, (chunks) => {
      if (chunks > 1) return;
      pty.pause();
      pty.write('second\r');
    });
    // What is typed is shown as well.
    expect((await text).replace('second\r\n', '')).toBe(`first\r\nsecond\r\n${LINES.slice(0, LINES.indexOf('201\r'))}`);
  });

  it.each(['sleep 600', 'yes'])('does not wait for what another process may say that keeps the terminal: %s', async (command) => {
    const pty = open(`trap '' HUP; ${command} & echo "pid $!."; seq 1 8000; echo end`);
    const text = await said(pty);
    const pid = Number(/pid (\d+)\./.exec(text)?.[1]);
    expect(text).toContain('end\r\n');
    if (command.startsWith('sleep')) process.kill(pid, 'SIGKILL');
    else expect(text.replaceAll('y\r\n', '')).toContain('7999\r\n8000\r\n');
  });
});
