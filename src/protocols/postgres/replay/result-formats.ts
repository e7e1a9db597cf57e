/** The formats that a Bind asked for: behind its values, one for each column, one for all, or none (text). Untrusted; unreadable: none. */
export function resultFormats(parameters: Uint8Array): readonly number[] {
  const buffer = Buffer.from(parameters.buffer, parameters.byteOffset, parameters.length);
  let at = 0;
  const count = (): number => {
    if (at + 2 > buffer.length) return -1;
    at += 2;
    return buffer.readUInt16BE(at - 2);
  };
  const formats = count();
  if (formats < 0) return [];
  at += 2 * formats;
  for (let values = count(); values > 0; values--) {
    if (at + 4 > buffer.length) return [];
    at += 4 + Math.max(0, buffer.readInt32BE(at));
  }
  const found: number[] = [];
  for (let left = count(); left > 0; left--) {
    const format = count();
    if (format < 0) return [];
    found.push(format);
  }
  return found;
}
