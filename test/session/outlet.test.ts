/** Memory of an engine's own on its way out: it is given back when it is out, once, and never for bytes that were dropped. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Outlet } from '../../src/session/outlet.js';

function slowStream(): { readonly stream: Writable; readonly chunks: Buffer[]; readonly taken: (() => void)[] } {
  const chunks: Buffer[] = [];
  const taken: (() => void)[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      taken.push(() => done());
    },
  });
  return { stream, chunks, taken };
}

const outlet = (stream: Writable, copy = false): Outlet => new Outlet(stream as unknown as ConstructorParameters<typeof Outlet>[0], copy);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('memory of an engine', () => {
  it('is given back when the stream has written it, not before', async () => {
    const { stream, chunks, taken } = slowStream();
    const out = outlet(stream);
    const given: number[] = [];
    out.push(Buffer.alloc(40_000, 1), () => given.push(1));
    out.push(Buffer.alloc(40_000, 2), () => given.push(2));
    out.release();
    await settled();
    expect(given).toEqual([]);
    taken.shift()?.();
    await settled();
    expect(given).toEqual([1]);
    taken.shift()?.();
    await settled();
    expect(given).toEqual([1, 2]);
    expect(chunks.map((chunk) => chunk[0])).toEqual([1, 2]);
  });

  it('is given back at once when small pieces were put together', () => {
    const { stream, chunks } = slowStream();
    const out = outlet(stream);
    const given: number[] = [];
    out.push(Buffer.alloc(100, 1), () => given.push(1));
    out.push(Buffer.alloc(100, 2));
    out.push(Buffer.alloc(100, 3), () => given.push(3));
    out.release();
    expect(given).toEqual([1, 3]);
    expect(chunks.length).toBe(1);
  });

  it('of bytes that were dropped is not given back', async () => {
    const { stream, chunks } = slowStream();
    const out = outlet(stream, true);
    let given = 0;
    out.push(Buffer.alloc(40_000), () => given++);
    out.seal();
    out.drop();
    out.releaseAll();
    await settled();
    expect(given).toBe(0);
    expect(chunks.length).toBe(0);
  });
});
