/** The masking domain: what stands in place of a value, and what finds values in text that nobody tagged. Pure; no I/O. */
export { type MaskedForm, recogniseMasked } from './recognise-masked.js';
export { createTokenKeys, type IntegerBits, isToken, mintedBy, type TokenKeys } from './tokens.js';
export { createTransform, type TransformOptions } from './transforms.js';
export { createMaskingDoor } from './masking-door.js';
