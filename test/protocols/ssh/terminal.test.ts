/** The record of a terminal: all of it, in time, with its size, as a cast that only draws. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { data, MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { exportSession, readSession } from '../../../src/recording/index.js';
import { ScriptedClient } from '../../support/ssh-peers.js';
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

  it('that is shown bytes which are no UTF-8 passes and records them as they are, and its cast replaces them', async () => {
    const bytes = String.raw`a\377b\303c \342\202 d \355\240\200 e\360\237\230\200f`;
    const ended = await world.ssh(['-tt', 'web-1', `printf '${bytes}'`]);
    const raw = Buffer.from([0x61, 0xff, 0x62, 0xc3, 0x63, 0x20, 0xe2, 0x82, 0x20, 0x64, 0x20, 0xed, 0xa0, 0x80, 0x20, 0x65, 0xf0, 0x9f, 0x98, 0x80, 0x66]);
    expect(ended.out.equals(raw)).toBe(true);
    const session = world.path.sessions.at(-1) ?? '';
    const recorded: Buffer[] = [];
    for await (const item of readSession(world.path.journalDir, world.path.bootId, session)) if (item.kind === 'output') recorded.push(item.bytes);
    expect(Buffer.concat(recorded).equals(raw)).toBe(true);
    const { lines } = await castOf(session);
    const drawn = lines
      .filter(({ code }) => code === 'o')
      .map(({ text }) => text)
      .join('')
      .split('\u001bc')[1]
      ?.split('\u001b[0m\u001b[?25h')[0];
    expect(drawn).toBe(new TextDecoder().decode(raw));
  });

  it('of no size is one all the same: it runs, and its cast has a size that a player takes', async () => {
    const client = await ScriptedClient.login(world.path.port);
    try {
      const request = (type: string, wantsReply: boolean, ...more: Buffer[]): Buffer =>
        message(MESSAGE.channelRequest, uint32(to), string(type), boolean(wantsReply), ...more);
      let to = -1;
      await client.sends([message(MESSAGE.open, string('session'), uint32(0), uint32(1 << 20), uint32(32_768))]);
      await client.until(() => client.heard.some((each) => each[0] === MESSAGE.openConfirmation));
      to = client.heard.find((each) => each[0] === MESSAGE.openConfirmation)?.readUInt32BE(5) ?? -1;
      const none = [0, 0, 0, 0].map(uint32);
      await client.sends([request('pty-req', true, string('xterm'), ...none, string(Buffer.from([0])))]);
      await client.sends([request('exec', true, string('echo begun; read -r line; stty size'))]);
      await client.until(() => client.heard.some((each) => each[0] === MESSAGE.data && each.includes('begun')));
      for (const size of [none, [0, 24, 0, 0].map(uint32), [0xff_ff_ff_ff, 0xff_ff_ff_ff, 0, 0].map(uint32), none])
        await client.sends([request('window-change', false, ...size)]);
      await client.sends([data(to, Buffer.from('go\n'))]);
      await client.until(() => client.heard.some((each) => each[0] === MESSAGE.close));
      expect(client.heard.some((each) => each[0] === MESSAGE.data && each.includes('0 0'))).toBe(true);
    } finally {
      client.end();
    }
    const { text, lines } = await castOf(world.path.sessions.at(-1) ?? '');
    const header = JSON.parse(text.split('\n')[0] ?? '') as { term: { cols: number; rows: number } };
    const sizes = [[header.term.cols, header.term.rows], ...lines.filter(({ code }) => code === 'r').map((line) => line.text.split('x').map(Number))].flat();
    expect(
      sizes.every((size) => size >= 1 && size <= 10_000),
      String(sizes),
    ).toBe(true);
  });
});
