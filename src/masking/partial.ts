/**
 * Partial forms: what a person needs to recognise a value and no more, by class. At most four characters are shown, and of formats
 * without a convention of their own (SSN, telephone) at most a third; a value that does not fit its class, or is too short, is masked whole. The domain
 * of an e-mail address and, where asked for, the BIN of a card stay too: both are public by themselves.
 */

/** The fixed mask of a text: it says nothing about the length. */
export const MASK = '****';
/** Values longer than this fit no class with a partial form. Characters. */
const MAX_LENGTH = 320;

export interface PartialOptions {
  /** Stars for hidden characters one by one, and separators where they were. Shows the length. */
  readonly keepLength: boolean;
  /** Cards only: the first six digits stay as well (PCI DSS 3.4.1 allows BIN and last four). */
  readonly showBin: boolean;
}

/** The partial form of a value, or `****`. Three stars in a row mark all but names, so that it is recognised when it comes back. */
export function partialText(dataClass: string, value: string, options: PartialOptions): string {
  const shown = formOf(dataClass, value, options);
  return dataClass === 'name' || shown.includes('***') ? shown : MASK;
}

function formOf(dataClass: string, value: string, options: PartialOptions): string {
  if (value.length > MAX_LENGTH) return MASK;
  // Full-width digits and letters show as the plain ones that they stand for.
  const text = value.normalize('NFKC').trim();
  switch (dataClass) {
    case 'ssn':
    case 'itin':
      return nineDigits(text, options);
    case 'pan':
      return card(text, options);
    case 'iban':
      return lastFour(text, 15, 34, true, options);
    case 'phone':
      return phone(text, options);
    case 'account':
    case 'aba':
    case 'ein':
      return lastFour(text, 4, 34, true, options);
    case 'email':
      return email(text, options);
    case 'name':
      return name(text, options);
    default:
      return MASK;
  }
}

/**
 * The last four digits as a number, or null where the digits are not of that class. Leading zeros are lost, as in any integer; what is
 * left says less than four digits, never more.
 */
export function partialInteger(dataClass: string, value: string): string | null {
  const shown = partialText(dataClass, value, { keepLength: false, showBin: false });
  const digits = shown.slice(-4);
  return isDigits(digits) && shown.length > 4 ? String(Number(digits)) : null;
}

/** `***-**-1234`: four of nine is the form that everybody uses, so the rule of a third does not hold here. */
function nineDigits(text: string, options: PartialOptions): string {
  const digits = digitsOf(text);
  if (digits?.length !== 9) return MASK;
  return options.keepLength ? starred(text, 0, 4) : `***-**-${digits.slice(5)}`;
}

function card(text: string, options: PartialOptions): string {
  const digits = digitsOf(text);
  if (digits === null || digits.length < 13 || digits.length > 19) return MASK;
  const bin = options.showBin ? 6 : 0;
  if (options.keepLength) return starred(text, bin, 4);
  return `${digits.slice(0, bin)}${bin > 0 ? '******' : MASK}${digits.slice(-4)}`;
}

/** `****0123`: four of ten or more, as on every bill; fewer digits are held to a third. */
function phone(text: string, options: PartialOptions): string {
  const digits = digitsOf(text);
  if (digits === null || digits.length < 10 || digits.length > 15) return lastFour(text, 7, 9, false, options);
  return options.keepLength ? starred(text, 0, 4) : MASK + digits.slice(-4);
}

/** `****1234`: the last four, or fewer where four are more than a third. */
function lastFour(text: string, min: number, max: number, letters: boolean, options: PartialOptions): string {
  const symbols = symbolsOf(text, letters);
  if (symbols === null || symbols.length < min || symbols.length > max) return MASK;
  const shown = Math.min(4, Math.floor(symbols.length / 3));
  return options.keepLength ? starred(text, 0, shown) : MASK + (shown > 0 ? symbols.slice(-shown) : '');
}

/** `a***@example.com`: nothing of a local part that has one or two characters. */
function email(text: string, options: PartialOptions): string {
  const at = text.indexOf('@');
  const domain = text.slice(at + 1);
  if (at < 1 || domain.length < 3 || domain.length > 253 || !isHost(domain)) return MASK;
  const first = at >= 3 ? firstCharacter(text) : '';
  return `${first}${options.keepLength ? '*'.repeat(Math.max(3, at - first.length)) : '***'}@${domain}`;
}

/** `A***`: the first letter only, of names of three characters or more. */
function name(text: string, options: PartialOptions): string {
  const first = firstCharacter(text);
  if (text.length < 3 || first.toLowerCase() === first.toUpperCase()) return MASK;
  if (!options.keepLength) return `${first}***`;
  const rest = [...text.slice(first.length)].map((char) => (char === ' ' || char === '-' ? char : '*'));
  // With one star a masked name could not be told from text any more.
  return rest.filter((char) => char === '*').length < 2 ? MASK : first + rest.join('');
}

const firstCharacter = (text: string): string => String.fromCodePoint(text.codePointAt(0) ?? 0x2a);

/** Letters, digits, dots and hyphens, with a dot inside and no quote or second `@`: anything else is not shown. */
function isHost(domain: string): boolean {
  let dots = 0;
  for (let i = 0; i < domain.length; i++) {
    const char = domain.charCodeAt(i);
    if (char === 0x2e) {
      if (i === 0 || i === domain.length - 1 || domain.charCodeAt(i - 1) === 0x2e) return false;
      dots++;
    } else if (char !== 0x2d && !isDigitCode(char) && !isLetterCode(char) && char < 0x80) return false;
  }
  return dots > 0;
}

const isDigitCode = (char: number): boolean => char >= 0x30 && char <= 0x39;
const isLetterCode = (char: number): boolean => (char | 0x20) >= 0x61 && (char | 0x20) <= 0x7a;
const isSeparator = (char: number): boolean =>
  char === 0x20 || char === 0x2d || char === 0x2e || char === 0x2f || char === 0x28 || char === 0x29 || char === 0x2b || (char >= 0x2010 && char <= 0x2015);
const isInvisible = (char: number): boolean => (char >= 0x200b && char <= 0x200d) || char === 0x2060 || char === 0xfeff;

/** Digits (and letters, where they may be) without separators; null when there is anything else. */
function symbolsOf(text: string, letters: boolean): string | null {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (isDigitCode(char) || (letters && isLetterCode(char))) out += text[i];
    else if (!isSeparator(char) && !isInvisible(char)) return null;
  }
  return out;
}

const digitsOf = (text: string): string | null => symbolsOf(text, false);
const isDigits = (text: string): boolean => text.length > 0 && symbolsOf(text, false) === text;

/** The text with all symbols but the first `head` and last `tail` as stars. Separators stay, invisible characters do not. */
function starred(text: string, head: number, tail: number): string {
  let symbols = 0;
  for (let i = 0; i < text.length; i++) if (isDigitCode(text.charCodeAt(i)) || isLetterCode(text.charCodeAt(i))) symbols++;
  let out = '';
  let seen = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (isInvisible(char)) continue;
    if (!isDigitCode(char) && !isLetterCode(char)) {
      out += text[i];
      continue;
    }
    out += seen < head || seen >= symbols - tail ? text[i] : '*';
    seen++;
  }
  return out;
}
