/**
 * `during:` — when a rule exists at all. A window is compared with the wall clock of a named zone: start included, end excluded; one over
 * midnight belongs to the day on which it starts. Pure. Besides "is it open" a window says how long that answer holds, so that decisions
 * are kept until the next moment at which they could change and not a millisecond longer.
 */

const DAYS: readonly string[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const MINUTE = 60_000;
const DAY_MINUTES = 1440;
const DAY = DAY_MINUTES * MINUTE;

export interface WindowText {
  readonly days?: readonly string[] | undefined;
  readonly hours?: string | undefined;
  readonly dates?: string | undefined;
  readonly zone: string;
}

export interface TimeWindow {
  open(now: number): boolean;
  /** The answer of `open` is the same from `now` until (not including) this moment. */
  holdsUntil(now: number): number;
}

/** What the wall clock of a zone shows. */
interface Wall {
  /** From Monday. */
  readonly weekday: number;
  /** `2026-11-26`, and the day before. */
  readonly date: string;
  readonly before: string;
  /** Since midnight, with the part of the minute that is over. */
  readonly minute: number;
  /** Wall clock minus UTC, milliseconds. */
  readonly offset: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    const two = '2-digit';
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: two,
      day: two,
      hour: two,
      minute: two,
      second: two,
    });
    formats.set(zone, format);
  }
  return format;
}

/** Whether the runtime knows the zone. Offsets such as `+02:00` are not zones: they know no change of clocks. */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

const isoDate = (time: number): string => new Date(time).toISOString().slice(0, 10);

function wallOf(zone: string, now: number): Wall {
  const fields: Record<string, number> = {};
  for (const part of formatOf(zone).formatToParts(now)) fields[part.type] = Number(part.value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  const midnight = Date.UTC(year, month - 1, day);
  const whole = Math.floor(now / 1000) * 1000;
  return {
    weekday: (new Date(midnight).getUTCDay() + 6) % 7,
    date: isoDate(midnight),
    before: isoDate(midnight - DAY),
    minute: (wall - midnight + (now - whole)) / MINUTE,
    offset: wall - whole,
  };
}

/** `mon-fri` may go over the end of the week. Null: not days. */
export function parseDays(text: string): readonly number[] | null {
  const [first = '', last = first, more] = text.toLowerCase().split('-');
  const from = DAYS.indexOf(first);
  const to = DAYS.indexOf(last);
  if (from < 0 || to < 0 || more !== undefined) return null;
  return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, index) => (from + index) % 7);
}

/** `08:00-18:30`; the end may be `24:00`, and may lie before the start (over midnight). Null: not hours, or no time at all. */
export function parseHours(text: string): readonly [number, number] | null {
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)$/.exec(text);
  if (match === null) return null;
  const [, h1, m1, h2, m2] = match.map(Number);
  const from = (h1 ?? 0) * 60 + (m1 ?? 0);
  const to = (h2 ?? 0) * 60 + (m2 ?? 0);
  if ((m1 ?? 0) > 59 || (m2 ?? 0) > 59 || from >= DAY_MINUTES || to > DAY_MINUTES || from === to) return null;
  return [from, to];
}

/** `2026-12-20..2027-01-02`, both days included, or one day. Null: not dates, or none. */
export function parseDates(text: string): readonly [string, string] | null {
  const [from = '', to = from, more] = text.split('..');
  const real = (date: string): boolean => /^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(Date.parse(date)) && isoDate(Date.parse(date)) === date;
  return more === undefined && real(from) && real(to) && from <= to ? [from, to] : null;
}

/** When the offset of the zone changes between two moments at most a day apart: the first millisecond of the new one. Null: it does not. */
function clockChange(zone: string, from: number, to: number, offset: number): number | null {
  if (wallOf(zone, to).offset === offset) return null;
  let [before, after] = [from, to];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (wallOf(zone, middle).offset === offset) before = middle;
    else after = middle;
  }
  return after;
}

/** Compiles one window; its texts were checked. */
export function compileWindow(text: WindowText): TimeWindow {
  const days = new Set(text.days === undefined ? DAYS.keys() : text.days.flatMap((each) => parseDays(each) ?? []));
  const [from, to] = (text.hours === undefined ? null : parseHours(text.hours)) ?? [0, DAY_MINUTES];
  const dates = text.dates === undefined ? null : parseDates(text.dates);
  const { zone } = text;
  const startsOn = (weekday: number, date: string): boolean => days.has(weekday) && (dates === null || (date >= dates[0] && date <= dates[1]));
  const edges = [...new Set([from, to, DAY_MINUTES])].sort((a, b) => a - b);
  return {
    open(now) {
      const wall = wallOf(zone, now);
      if (from < to) return startsOn(wall.weekday, wall.date) && wall.minute >= from && wall.minute < to;
      if (wall.minute >= from) return startsOn(wall.weekday, wall.date);
      return wall.minute < to && startsOn((wall.weekday + 6) % 7, wall.before);
    },
    holdsUntil(now) {
      const wall = wallOf(zone, now);
      const edge = edges.find((each) => each > wall.minute) ?? DAY_MINUTES;
      const next = now + Math.max(1, Math.round((edge - wall.minute) * MINUTE));
      return clockChange(zone, now, next, wall.offset) ?? next;
    },
  };
}

/** Open when one of them is. */
export function anyWindow(windows: readonly TimeWindow[]): TimeWindow {
  return {
    open: (now) => windows.some((window) => window.open(now)),
    holdsUntil: (now) => Math.min(...windows.map((window) => window.holdsUntil(now))),
  };
}
