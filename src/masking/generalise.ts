/**
 * Generalised values: still of their type, true of many. Dates become the first day of their year, numbers keep one significant digit,
 * addresses their network, US zip codes three digits. A birth date of someone over 89 becomes the bucket of all who are (the age rule
 * of HIPAA's safe harbor, 45 CFR 164.514(b)(2)(i)(C)), and zip prefixes with few inhabitants become 000 (ibid. (B), Census 2000).
 * What does not parse is not shown.
 */

/** Oldest age in years that is not put into one bucket. */
const OLDEST_AGE = 89;
const SMALL_ZIP_AREAS: ReadonlySet<string> = new Set('036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893'.split(' '));

/**
 * First day of the year, in the same format: time digits become zeros, offset and `BC` stay. `birth` turns on the bucket of the very old;
 * `now` is milliseconds since the Unix epoch. Null for anything that does not begin with an ISO date (`infinity` too).
 */
export function generaliseDate(text: string, birth: boolean, now: number): string | null {
  const dash = text.indexOf('-');
  if (dash < 4 || dash > 6 || text.length > 64 || !isDigits(text, 0, dash)) return null;
  if (text[dash + 3] !== '-' || !isDigits(text, dash + 1, dash + 3) || !isDigits(text, dash + 4, dash + 6)) return null;
  const after = dash + 6;
  const zone = zoneStart(text, after);
  if (zone < 0) return null;
  let year = text.slice(0, dash);
  let rest = text.slice(zone);
  if (birth) {
    const oldest = new Date(now).getUTCFullYear() - OLDEST_AGE - 1;
    if (rest.endsWith(' BC') || Number(year) < oldest) {
      year = String(oldest).padStart(4, '0');
      rest = rest.endsWith(' BC') ? rest.slice(0, -3) : rest;
    }
  }
  let time = '';
  for (let i = after; i < zone; i++) time += isDigits(text, i, i + 1) ? '0' : text[i];
  return `${year}-01-01${time}${rest}`;
}

/** Where the time of day (`[T ]hh:mm:ss.ffffff`, or nothing) ends and offset or era begins; −1 when something else stands there. */
function zoneStart(text: string, after: number): number {
  let at = after;
  if ((text[at] === ' ' || text[at] === 'T') && isDigits(text, at + 1, at + 2)) {
    at++;
    while (at < text.length && (isDigits(text, at, at + 1) || text[at] === ':' || text[at] === '.')) at++;
  }
  for (let i = at; i < text.length; i++) if (!isDigits(text, i, i + 1) && !'+-:ZBC '.includes(text[i] ?? '?')) return -1;
  return at;
}

/**
 * One significant digit, rounded half up, with the decimals of the input as zeros; below ten it is 0 (a single digit would be the value
 * itself). `12345.67` ⇒ `10000.00`, `-87` ⇒ `-90`. Null for NaN, infinities and what is no number.
 */
export function generaliseNumber(text: string): string | null {
  const negative = text[0] === '-';
  let at = negative ? 1 : 0;
  const start = at;
  while (isDigits(text, at, at + 1)) at++;
  const whole = text.slice(start, at);
  let decimals = -1;
  let fraction = '';
  if (text[at] === '.') {
    const from = ++at;
    while (isDigits(text, at, at + 1)) at++;
    decimals = at - from;
    fraction = text.slice(from, at);
  }
  if (whole.length + fraction.length === 0) return null;
  if (text[at] === 'e' || text[at] === 'E') return scientific(negative, whole, fraction, text.slice(at + 1));
  if (at !== text.length) return null;
  const digits = withoutZeros(whole);
  const tail = decimals > 0 ? `.${'0'.repeat(decimals)}` : '';
  return digits.length < 2 ? `0${tail}` : `${negative ? '-' : ''}${rounded(digits)}${tail}`;
}

function scientific(negative: boolean, whole: string, fraction: string, exponent: string): string | null {
  const from = exponent[0] === '+' || exponent[0] === '-' ? 1 : 0;
  const size = exponent.length - from;
  if (size < 1 || size > 4 || !isDigits(exponent, from, exponent.length)) return null;
  const digits = withoutZeros(whole + fraction);
  const power = Number(exponent) - fraction.length + digits.length - 1;
  if (digits.length === 0 || power < 1) return '0';
  if (power > 307) return null; // Rounded up it would be no double any more.
  // One digit more than there is, so that a single one is not rounded to 0 here: the magnitude is above ten already.
  const [first = '0', ...zeros] = rounded(`${digits}0`);
  return `${negative ? '-' : ''}${first}e+${String(power + zeros.length - digits.length)}`;
}

/** Digits without leading zeros, two or more, to the first one and zeros; half goes up and may add a digit. */
function rounded(digits: string): string {
  const first = Number(digits[0]) + (Number(digits[1]) >= 5 ? 1 : 0);
  return `${first}${'0'.repeat(digits.length - 1)}`;
}

function withoutZeros(digits: string): string {
  let at = 0;
  while (digits[at] === '0') at++;
  return digits.slice(at);
}

/** The /24 of an IPv4 address, the /48 of an IPv6 address, as a network; null for anything else. A prefix length in the input is dropped. */
export function generaliseAddress(text: string): string | null {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  if (address.length > 45) return null;
  if (!address.includes(':')) {
    const parts = address.split('.');
    if (parts.length !== 4 || !parts.every((part) => part.length <= 3 && isDigits(part, 0, part.length) && Number(part) < 256)) return null;
    return `${parts.slice(0, 3).join('.')}.0/24`;
  }
  const [head = '', tail, more] = address.split('::');
  if (more !== undefined) return null;
  const groups = head === '' ? [] : head.split(':');
  if (tail === undefined && groups.length !== 8) return null;
  // Mapped IPv4 and whatever else is written with dots is not worth a guess.
  if (![...groups, ...(tail === undefined || tail === '' ? [] : tail.split(':'))].every(isGroup)) return null;
  while (groups.length < 3) groups.push('0');
  const kept = groups.slice(0, 3).map((group) => Number.parseInt(group, 16).toString(16));
  while (kept.at(-1) === '0') kept.pop();
  return `${kept.join(':')}::/48`;
}

function isGroup(group: string): boolean {
  if (group.length < 1 || group.length > 4) return false;
  for (const char of group) if (!'0123456789abcdefABCDEF'.includes(char)) return false;
  return true;
}

/** `94110-1234` ⇒ `941**`; null for what is no US zip code. */
export function generaliseZip(text: string): string | null {
  const plain = text.length === 5 && isDigits(text, 0, 5);
  const plus4 = text.length === 10 && isDigits(text, 0, 5) && text[5] === '-' && isDigits(text, 6, 10);
  if (!plain && !plus4) return null;
  const area = text.slice(0, 3);
  return `${SMALL_ZIP_AREAS.has(area) ? '000' : area}**`;
}

/** Whether all characters from `start` to `end` exist and are ASCII digits; false for none. */
function isDigits(text: string, start: number, end: number): boolean {
  if (end <= start || end > text.length) return false;
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i);
    if (char < 0x30 || char > 0x39) return false;
  }
  return true;
}
