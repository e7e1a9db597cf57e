import { describe, expect, it } from 'vitest';
import { ByteMap } from '../../src/base/byte-map.js';
import { fc } from '../support/fast-check.js';

function setOf(bytes: Iterable<number>): Uint8Array {
  const wanted = new Uint8Array(256);
  for (const byte of bytes) wanted[byte] = 1;
  return wanted;
}

/** At most eight patterns of low halves: a few bytes, and a run. */
const sets = fc
  .tuple(fc.uint8Array({ maxLength: 7 }), fc.integer({ min: 0, max: 15 }))
  .map(([few, high]) => setOf([...few, ...Array.from({ length: 10 }, (_, low) => high * 16 + low)]));

function all(map: ByteMap, bytes: Uint8Array, from: number, to: number): number[] {
  const found: number[] = [];
  map.begin(bytes);
  for (let at = map.next(from, to); at < to; at = map.next(at + 1, to)) found.push(at);
  return found;
}

describe('a map of bytes', () => {
  it('finds those of its set, each and no other, in any stretch', () => {
    fc.assert(
      fc.property(sets, fc.uint8Array({ maxLength: 400 }), fc.nat(400), fc.nat(400), (wanted, bytes, one, other) => {
        const [from, to] = [Math.min(one, other, bytes.length), Math.min(Math.max(one, other), bytes.length)];
        const expected = [...bytes.keys()].filter((at) => at >= from && at < to && wanted[bytes[at] ?? 0] === 1);
        expect(all(new ByteMap('values', wanted), bytes, from, to)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('knows each of the 256 bytes', () => {
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    for (let byte = 0; byte < 256; byte++) expect(all(new ByteMap('values', setOf([byte])), every, 0, 256)).toEqual([byte]);
  });

  it('goes on beyond what is mapped at once, at every border', () => {
    const bytes = new Uint8Array(200_003);
    const places = [0, 31, 32, 65_535, 65_536, 131_071, 131_072, 199_999, 200_002];
    for (const at of places) bytes[at] = 7;
    const map = new ByteMap('values', setOf([7]));
    expect(all(map, bytes, 0, bytes.length)).toEqual(places);
    map.begin(bytes);
    expect([map.next(131_073, 199_999), map.next(1, 31), map.next(199_999, 200_000), map.next(40, 40)]).toEqual([199_999, 31, 199_999, 40]);
  });

  it('finds nothing of an earlier stretch, nor of what lies behind its own', () => {
    const map = new ByteMap('values', setOf([7]));
    expect(all(map, new Uint8Array(1000).fill(7), 0, 1000)).toHaveLength(1000);
    const memory = new Uint8Array(1000).fill(7);
    const middle = memory.subarray(100, 117).fill(0);
    expect(all(map, middle, 0, 17)).toEqual([]);
    expect(map.covers(memory)).toBe(false);
  });

  it('is not mixed up with another one, of the same purpose or of another', () => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at % 5);
    const maps = [new ByteMap('values', setOf([1])), new ByteMap('values', setOf([2])), new ByteMap('structure', setOf([3]))];
    for (const map of maps) map.begin(bytes);
    for (let at = 0; at < 990; at += 5) expect(maps.map((map) => map.next(at, 1000) - at)).toEqual([1, 2, 3]);
  });

  it('covers no stretch for a set that it cannot tell, and passes over nothing that it does not know', () => {
    const bytes = new Uint8Array(10);
    const staircase = new ByteMap('values', setOf(Array.from({ length: 9 }, (_, high) => high * 16 + high)));
    staircase.begin(bytes);
    expect([staircase.covers(bytes), staircase.next(3, 10)]).toEqual([false, 3]);
    const map = new ByteMap('values', setOf([1]));
    expect([map.covers(bytes), map.next(3, 10)]).toEqual([false, 3]);
    map.begin(bytes);
    expect([map.covers(bytes), map.next(3, 10)]).toEqual([true, 10]);
    map.end();
    expect([map.covers(bytes), map.next(3, 10)]).toEqual([false, 3]);
  });
});
