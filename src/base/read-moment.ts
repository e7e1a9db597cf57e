/** A day (UTC) or a moment of RFC 3339, in milliseconds; null: neither. A time without a zone is none: it would be another one wherever it is read. Pure. */
export function readMoment(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?$/i.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}
