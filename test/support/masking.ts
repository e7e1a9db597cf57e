/** Masking for tests: a fixed key for tokens. */
import { systemClock } from '../../src/base/clock.js';
import { Secret } from '../../src/base/secret.js';
import type { MaskingDoor, MaskingView } from '../../src/contract/masking-policy.js';
import { createMaskingDoor, createTokenKeys } from '../../src/masking/index.js';

export const TEST_TOKEN_KEYS = createTokenKeys([{ id: 1, secret: new Secret<Uint8Array>(Buffer.alloc(32, 7)) }]);

export function maskingForTests(): (view: MaskingView) => MaskingDoor {
  const doors = new WeakMap<MaskingView, MaskingDoor>();
  return (view) => {
    let door = doors.get(view);
    if (door === undefined) doors.set(view, (door = createMaskingDoor(view, TEST_TOKEN_KEYS, systemClock)));
    return door;
  };
}
