/** A moment for a sentence: `2026-03-01 09:30 UTC`. */

/** @param at milliseconds since the epoch; seconds are left out */
export function utcMinute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
