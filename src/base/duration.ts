/**
 * Durations as people write them in YAML: `50ms`, `30s`, `5m`, `12h`, `7d`, also `1h30m`. Parsed once at load; the rest of gw counts in
 * milliseconds. A bare number is refused, because nobody can tell seconds from milliseconds a year later.
 */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const WHOLE = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** Milliseconds, rounded to whole ones, or null when `text` is not a duration. */
export function parseDuration(text: string): number | null {
  if (text.length > 64 || !WHOLE.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(PART)) total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : null;
}

/** The shortest exact way to write `ms`, for messages: 90000 → `90s`, 3600000 → `1h`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = UNITS[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}
