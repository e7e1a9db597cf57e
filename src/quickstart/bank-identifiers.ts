/**
 * Numbers that every detector must take for real and that belong to nobody. All are unique per row number.
 * SSN: valid by today's rule, in areas that were never issued before June 2011, while every customer here was born before 2005.
 * Cards: in the ranges that card networks and processors publish for tests, with a right Luhn digit. Telephone: 555-01xx, reserved for
 * fiction. E-mail: example.com and its siblings (RFC 2606). Account numbers: nine digits with the check digit of ABA numbers.
 */
import { scattered } from './bank-random.js';

/** Areas 773–899 were unused before randomisation. 888 is left out: 888-88-8888 is what a form is filled with. */
const SSN_AREAS = Array.from({ length: 127 }, (_, index) => 773 + index).filter((area) => area !== 888);
const SSN_SPACE = SSN_AREAS.length * 99 * 9999;

/** Test ranges and their length in digits. */
const CARD_RANGES: readonly (readonly [prefix: string, length: number])[] = [
  ['424242', 16],
  ['400000', 16],
  ['411111', 16],
  ['555555', 16],
  ['510510', 16],
  ['222300', 16],
  ['378282', 15],
  ['601111', 16],
];

const AREA_CODES = ['202', '212', '305', '312', '404', '415', '503', '512', '602', '617', '702', '713', '801', '919'] as const;

/** `AAA-GG-SSSS` of customer `id` (from 1). */
export function ssnOf(id: number): string {
  const index = scattered(id, 48_271_007, SSN_SPACE);
  const area = SSN_AREAS[Math.floor(index / (99 * 9999))] ?? 773;
  const group = 1 + (Math.floor(index / 9999) % 99);
  const serial = 1 + (index % 9999);
  return `${area}-${String(group).padStart(2, '0')}-${String(serial).padStart(4, '0')}`;
}

/** Card number of customer `id`, digits only. */
export function cardOf(id: number): string {
  const [prefix, length] = CARD_RANGES[id % CARD_RANGES.length] ?? ['424242', 16];
  const space = 10 ** (length - 7);
  const body = prefix + String(scattered(id, 7_368_787, space)).padStart(length - 7, '0');
  return body + luhnDigit(body);
}

/** The digit that makes `body` followed by it pass Luhn's check. */
function luhnDigit(body: string): string {
  let sum = 0;
  for (let i = body.length - 1, double = true; i >= 0; i--, double = !double) {
    const digit = Number(body[i]) * (double ? 2 : 1);
    sum += digit > 9 ? digit - 9 : digit;
  }
  return String((10 - (sum % 10)) % 10);
}

/** Nine digits of account `id` (from 1): a prefix in use for ABA numbers, six digits, the ABA check digit (weights 3, 7, 1). */
export function accountNumberOf(id: number): string {
  const index = scattered(id, 7_368_787, 12_000_000);
  const body = String(61 + Math.floor(index / 1_000_000)) + String(index % 1_000_000).padStart(6, '0');
  let sum = 0;
  for (let i = 0; i < 8; i++) sum += Number(body[i]) * ([3, 7, 1][i % 3] ?? 0);
  return body + String((10 - (sum % 10)) % 10);
}

/** `+1 AAA-555-01NN`; many customers share one, as there are only 1,400. */
export function phoneOf(id: number): string {
  const index = scattered(id, 1_013, AREA_CODES.length * 100);
  return `+1 ${AREA_CODES[Math.floor(index / 100)] ?? '202'}-555-01${String(index % 100).padStart(2, '0')}`;
}

/** `first.last.ID@example.…` */
export function emailOf(id: number, name: string): string {
  const domain = ['example.com', 'example.net', 'example.org'][id % 3] ?? 'example.com';
  return `${name.toLowerCase().replaceAll(/[^a-z]+/g, '.')}.${id}@${domain}`;
}
