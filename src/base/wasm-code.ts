/**
 * Puts small WebAssembly programs together from their opcodes (WebAssembly core specification 2.0, section 5), so that there is nothing to build or
 * to download: one function, one memory. Pure. For loops over bytes that SIMD does many times faster than JavaScript.
 */

/** What Node has and TypeScript's library without a browser does not say. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly run: (...values: number[]) => void } };
};

export const I32 = 0x7f;
export const V128 = 0x7b;

/** An unsigned number as LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** A signed number of 32 bits as LEB128. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const low = rest & 0x7f;
    if (rest >> 6 === 0 || rest >> 6 === -1) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

export const get = (local: number): number[] => [0x20, ...unsigned(local)];
export const set = (local: number): number[] => [0x21, ...unsigned(local)];
export const tee = (local: number): number[] => [0x22, ...unsigned(local)];
export const constant = (value: number): number[] => [0x41, ...signed(value)];
/** An instruction with the prefix of SIMD. */
export const simd = (code: number, ...rest: number[]): number[] => [0xfd, ...unsigned(code), ...rest];
/** Sixteen bytes at an address and an offset, without alignment. */
export const load = (offset: number): number[] => simd(0x00, 0, ...unsigned(offset));
export const store = (offset: number): number[] => simd(0x0b, 0, ...unsigned(offset));
/** The same four bytes in all four lanes. */
export const loadSplat = (offset: number): number[] => simd(0x09, 0, ...unsigned(offset));
/** Sixteen bytes of two values, by their places 0 to 31. */
export const shuffle = (...places: number[]): number[] => simd(0x0d, ...places);

const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, ...content: number[]): number[] => [id, ...sized(content)];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];

export interface WasmProgram {
  readonly memory: Uint8Array;
  readonly run: (...values: number[]) => void;
}

/**
 * @param parameters how many numbers of 32 bits the function takes
 * @param locals its further variables: how many of which type
 * @param code its instructions, without the `end` of the function
 * @param pages memory, in pages of 64 KiB
 */
export function startProgram(parameters: number, locals: readonly (readonly [number, number])[], code: readonly number[], pages: number): WasmProgram {
  const variables = [locals.length, ...locals.flatMap(([count, type]) => [...unsigned(count), type])];
  const bytes = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, parameters, ...new Array<number>(parameters).fill(I32), 0),
    ...section(3, 1, 0),
    ...section(5, 1, 0, pages),
    ...section(7, 2, ...name('memory'), 2, 0, ...name('run'), 0, 0),
    ...section(10, 1, ...sized([...variables, ...code, 0x0b])),
  ]);
  const { memory, run } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return { memory: new Uint8Array(memory.buffer), run };
}
