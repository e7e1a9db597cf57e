/** Tokens as the path of a test makes them (`maskingForTests`). */
import { createTransform } from '../../src/masking/index.js';
import { TEST_TOKEN_KEYS } from './masking.js';

export function textToken(dataClass: string, value: string): string {
  const transform = createTransform({ treatment: 'token', class: dataClass, kind: 'text', key: TEST_TOKEN_KEYS, clock: { now: () => 0, monotonic: () => 0 } });
  return Buffer.from(transform(Buffer.from(value)) ?? '').toString();
}
