/**
 * Sizes as people write them in YAML: `64KiB`, `1MiB`, `2GiB`, decimal `10MB`, or plain bytes `512B`. Parsed once at load; the rest of gw
 * counts in bytes.
 */
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const FORM = /^(\d{1,12}(?:\.\d{1,3})?) ?([KMGT]i?B|B)$/;

/** Bytes, rounded down, or null when `text` is not a size. */
export function parseByteSize(text: string): number | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const bytes = Math.floor(Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The shortest exact way to write `bytes` in binary units: 65536 → `64KiB`. */
export function formatByteSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB']) {
    const size = UNITS[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
