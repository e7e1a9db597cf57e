/** A view of policy carried out: transforms and detectors for what one identity may not see of one target. One for each view, shared. */
import type { Clock } from '../base/clock.js';
import type { MaskingDoor, MaskingView } from '../contract/masking-policy.js';
import { recogniseMasked } from './recognise-masked.js';
import type { TokenKeys } from './tokens.js';
import { createTransform } from './transforms.js';

export function createMaskingDoor(view: MaskingView, key: TokenKeys, clock: Clock): MaskingDoor {
  return {
    view,
    transform: (how, kind, integerBits) =>
      createTransform({ treatment: how.treatment, class: how.class, kind, key, clock, keepLength: how.keepLength, integerBits }),
    scan: null,
    isMasked: (text) => recogniseMasked(text) !== null,
  };
}
