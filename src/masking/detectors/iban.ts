/** IBANs (ISO 13616): a country, the length that its registry entry says, and the remainder 1 modulo 97. With or without separators. */
import { INVISIBLE, isAlphanumeric, isDigit, isLetter, skipInvisible, skipInvisibleBack, symbolAt, symbolBefore } from './symbols.js';

const LENGTHS =
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 ' +
  'GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 ' +
  'MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 ' +
  'TR26 UA29 VA22 VG24 XK20 YE30';

/** Length by `first letter * 26 + second`, 0 where there is no such country. */
const lengths = new Uint8Array(26 * 26);
for (const entry of LENGTHS.split(' ')) lengths[(entry.charCodeAt(0) - 0x41) * 26 + entry.charCodeAt(1) - 0x41] = Number(entry.slice(2));

/** Where an IBAN ends and starts whose first check digit is at a given place. Reused for every question. */
export class IbanReader {
  start = 0;
  end = 0;

  /** Whether an IBAN's check digits are at `at`; then `start` and `end` say where it is. */
  read(bytes: Uint8Array, at: number, floor: number, limit: number): boolean {
    const edge = skipInvisibleBack(bytes, at, floor);
    const second = symbolBefore(bytes, edge, floor);
    if (!isLetter(second & 0xff)) return false;
    const middle = skipInvisibleBack(bytes, edge - (second >> 8), floor);
    const first = symbolBefore(bytes, middle, floor);
    if (!isLetter(first & 0xff)) return false;
    const start = middle - (first >> 8);
    if (isAlphanumeric(symbolBefore(bytes, skipInvisibleBack(bytes, start, floor), floor) & 0xff)) return false;
    const length = lengths[((first & 0x1f) - 1) * 26 + (second & 0x1f) - 1] ?? 0;
    if (length === 0) return false;
    this.start = start;
    return this.#body(bytes, at, limit, length, letterValue(first & 0xff) * 100 + letterValue(second & 0xff));
  }

  #body(bytes: Uint8Array, from: number, limit: number, length: number, country: number): boolean {
    let at = from;
    let taken = 2;
    let check = 0;
    let remainder = 0;
    let separated = true;
    while (taken < length) {
      const symbol = symbolAt(bytes, at, limit);
      const code = symbol & 0xff;
      if (isAlphanumeric(code)) {
        separated = false;
        taken++;
        if (taken <= 4) {
          if (!isDigit(code)) return false;
          check = check * 10 + code - 0x30;
        } else remainder = isDigit(code) ? (remainder * 10 + code - 0x30) % 97 : (remainder * 100 + letterValue(code)) % 97;
      } else if (code === 0x20 || code === 0x2d || code === 0x2e) {
        if (separated) return false;
        separated = true;
      } else if (code !== INVISIBLE) return false;
      at += symbol >> 8;
    }
    if (isAlphanumeric(symbolAt(bytes, skipInvisible(bytes, at, limit), limit) & 0xff)) return false;
    this.end = at;
    return (((remainder * 10_000 + country) % 97) * 100 + check) % 97 === 1;
  }
}

/** A = 10 … Z = 35. */
const letterValue = (code: number): number => (code & 0x1f) + 9;
