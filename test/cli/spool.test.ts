/** A recording that becomes longer than the gateway takes one, or finds no room: it is stopped while it is made, and ends as it should. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { newId } from '../../src/base/id.js';
import { FrameOpener, SEALED_KEY_BYTES } from '../../src/base/sealed-frames.js';
import { decodeEvents, TERMINAL_EVENT } from '../../src/base/terminal-events.js';
import { listSpool, readSpool, SpoolWriter } from '../../src/cli/record/spool.js';

it('takes no more output, and still its end', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gw-spool-'));
  try {
    const limit = 2 << 20;
    const [id, key] = [newId('rec', 0), randomBytes(SEALED_KEY_BYTES)];
    const spool = await SpoolWriter.create(dir, { id, key, targets: [], now: 0 }, limit);
    spool.write({ code: TERMINAL_EVENT.begin, at: 0, data: Buffer.from('{}') });
    let shown = 0;
    const show = (): void => {
      for (;;) {
        spool.write({ code: TERMINAL_EVENT.output, at: 1, data: randomBytes(60_000) });
        shown++;
      }
    };
    expect(show).toThrow(expect.objectContaining({ code: 'recording.local' }));
    expect(show).toThrow(expect.objectContaining({ code: 'recording.local' }));
    spool.write({ code: TERMINAL_EVENT.exit, at: 2, data: Buffer.from('{"code":1}') });
    spool.close();
    const [spooled] = await listSpool(dir);
    expect(spooled?.bytes).toBeLessThan(limit);
    const opener = new FrameOpener(key, id);
    const codes: number[] = [];
    if (spooled !== undefined)
      for await (const piece of readSpool(spooled, 0, 65_536))
        for (const opened of opener.push(piece)) codes.push(...(opened.kind === 'frame' ? (decodeEvents(opened.plain) ?? []) : []).map(({ code }) => code));
    expect(shown).toBeGreaterThan(10);
    expect(codes).toEqual([TERMINAL_EVENT.begin, ...Array.from({ length: shown }, () => TERMINAL_EVENT.output), TERMINAL_EVENT.exit]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

it('that could not be written on ends there: what comes later is no part of it', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'gw-spool-'));
  const limit = (size: number | 'unlimited'): Buffer => execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:`]);
  try {
    const [id, key] = [newId('rec', 0), randomBytes(SEALED_KEY_BYTES)];
    const spool = await SpoolWriter.create(dir, { id, key, targets: [], now: 0 });
    spool.write({ code: TERMINAL_EVENT.begin, at: 0, data: Buffer.from('{}') });
    limit(10_000);
    try {
      expect(() => spool.write({ code: TERMINAL_EVENT.output, at: 1, data: randomBytes(60_000) })).toThrow(
        expect.objectContaining({ code: 'recording.local' }),
      );
    } finally {
      limit('unlimited');
    }
    expect(() => spool.write({ code: TERMINAL_EVENT.exit, at: 2, data: Buffer.from('{"code":1}') })).toThrow(
      expect.objectContaining({ code: 'recording.local' }),
    );
    spool.close();
    const [spooled] = await listSpool(dir);
    const opener = new FrameOpener(key, id);
    const kinds: string[] = [];
    if (spooled !== undefined) for await (const piece of readSpool(spooled, 0, 65_536)) for (const opened of opener.push(piece)) kinds.push(opened.kind);
    expect(kinds).toEqual(['frame']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
