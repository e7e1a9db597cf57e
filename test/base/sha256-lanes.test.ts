/** Four at a time gives what the system's hash gives, whatever stands together in the lanes. */
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LANE_BYTES, LaneMessages, MESSAGES_BYTES, SUBTREE_LEAVES, subtreeRoot } from '../../src/base/sha256-lanes.js';
import { fc } from '../support/fast-check.js';

const sha256 = (message: Uint8Array): string => hash('sha256', message, 'hex');

/** The digest that stands at a place, in hex. */
const at = (digests: Buffer, place: number): string => digests.toString('hex', place * 32, place * 32 + 32);

describe('SHA-256 in lanes', () => {
  it('hashes a message of every length that it takes', () => {
    for (let length = 0; length <= LANE_BYTES; length++) {
      const messages = new LaneMessages();
      const message = Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 255));
      const digests = Buffer.alloc(SUBTREE_LEAVES * 32);
      expect(messages.add(message, 3)).toBe(true);
      messages.digest(digests);
      expect(at(digests, 3), `${length} bytes`).toBe(sha256(message));
    }
  });

  it('refuses a longer message, and one for which there is no room, and keeps those before', () => {
    const messages = new LaneMessages();
    expect(messages.add(Buffer.alloc(LANE_BYTES + 1), 0)).toBe(false);
    const whole = Buffer.alloc(LANE_BYTES, 1);
    let count = 0;
    while (messages.add(whole, count)) count++;
    expect(count).toBe(Math.floor(MESSAGES_BYTES / (LANE_BYTES + 9)));
    const digests = Buffer.alloc(SUBTREE_LEAVES * 32);
    messages.digest(digests);
    for (let i = 0; i < count; i++) expect(at(digests, i)).toBe(sha256(whole));
    expect(messages.add(whole, 0)).toBe(true);
  });

  it('hashes any messages together, touches no other digest, and begins anew', () => {
    const messages = new LaneMessages();
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: LANE_BYTES, size: 'max' }), { maxLength: 60, size: 'max' }), (each) => {
        const digests = Buffer.alloc(SUBTREE_LEAVES * 32, 0xee);
        const taken = each.filter((message, i) => messages.add(message, SUBTREE_LEAVES - 1 - i));
        messages.digest(digests);
        for (const [i, message] of taken.entries()) expect(at(digests, SUBTREE_LEAVES - 1 - i)).toBe(sha256(message));
        expect(digests.subarray(0, (SUBTREE_LEAVES - taken.length) * 32).every((byte) => byte === 0xee)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the root of a complete tree', () => {
    const digests = Buffer.concat(Array.from({ length: SUBTREE_LEAVES }, (_, i) => hash('sha256', `leaf ${i}`, 'buffer')));
    let level = Array.from({ length: SUBTREE_LEAVES }, (_, i) => digests.subarray(i * 32, i * 32 + 32));
    while (level.length > 1)
      level = level.flatMap((left, i) => (i % 2 === 1 ? [] : [hash('sha256', Buffer.concat([Buffer.of(1), left, level[i + 1] as Buffer]), 'buffer')]));
    expect(Buffer.from(subtreeRoot(digests)).equals(level[0] as Buffer)).toBe(true);
  });
});
