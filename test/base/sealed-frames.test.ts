/** Encrypted frames: every split, every cut, every byte changed, and frames that are moved. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FrameOpener, FrameSealer, type Opened } from '../../src/base/sealed-frames.js';

const KEY = randomBytes(32);
const PLAIN = ['', 'a', 'hello', 'x'.repeat(300)].map((text) => Buffer.from(text));

function sealAll(name = 'rec_1', key = KEY): Buffer[] {
  const sealer = new FrameSealer(key, name);
  return PLAIN.map((plain) => sealer.seal(plain));
}

function open(pieces: readonly Buffer[], name = 'rec_1', key = KEY): { frames: Buffer[]; broken: Opened[]; torn: number } {
  const opener = new FrameOpener(key, name);
  const opened = pieces.flatMap((piece) => [...opener.push(piece)]);
  return {
    frames: opened.flatMap((each) => (each.kind === 'frame' ? [each.plain] : [])),
    broken: opened.filter((each) => each.kind === 'broken'),
    torn: opener.torn,
  };
}

describe('sealed frames', () => {
  const whole = Buffer.concat(sealAll());

  it('give back what was put in, however they are split', () => {
    for (let at = 0; at <= whole.length; at++) {
      expect(open([whole.subarray(0, at), whole.subarray(at)])).toEqual({ frames: PLAIN, broken: [], torn: 0 });
    }
    expect(open([...whole].map((byte) => Buffer.from([byte]))).frames).toEqual(PLAIN);
  });

  it('that are cut give the whole ones before the cut', () => {
    for (let at = 0; at < whole.length; at++) {
      const { frames, broken } = open([whole.subarray(0, at)]);
      expect(broken).toEqual([]);
      expect(frames).toEqual(PLAIN.slice(0, frames.length));
      expect(frames.length).toBeLessThan(PLAIN.length);
    }
  });

  it('of which a byte was changed are never opened', () => {
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      const { frames, broken, torn } = open([changed]);
      expect(frames).toEqual(PLAIN.slice(0, frames.length));
      expect(broken.length === 1 || torn > 0).toBe(true);
    }
  });

  it('cannot be dropped, swapped, repeated, or moved to another stream or key', () => {
    const [first = PLAIN[0], second = PLAIN[0], ...rest] = sealAll() as Buffer[];
    for (const order of [
      [second, ...rest],
      [second, first, ...rest],
      [first, first, second, ...rest],
    ]) {
      expect(open(order as Buffer[]).broken).toMatchObject([{ kind: 'broken', why: 'a frame does not open with the key' }]);
    }
    expect(open(sealAll('rec_2')).frames).toEqual([]);
    expect(open(sealAll('rec_1', randomBytes(32))).frames).toEqual([]);
  });

  it('of an impossible length end the stream', () => {
    for (const length of [0, 15, 0x7fffffff, 0xffffffff]) {
      const head = Buffer.alloc(64);
      head.writeUInt32BE(length);
      expect(open([head]).broken).toMatchObject([{ frame: 0, why: `a frame claims ${length} bytes` }]);
    }
  });
});
