/** The masking domain: what stands in place of a value, and what finds values in text that nobody tagged. Pure; no I/O. */
export { Findings } from './detectors/findings.js';
export { maskFindings, type TransformByClass } from './detectors/mask-findings.js';
export { createScanner, type Scanner } from './detectors/scanner.js';
export { createStreamMask } from './detectors/stream-mask.js';
export { createMaskingDoor, explainText } from './masking-door.js';
export { createLooksLike, proposeTags } from './propose-tags.js';
export { type MaskedForm, recogniseMasked } from './recognise-masked.js';
export { createTokenKeys, type IntegerBits, isToken, mintedBy, type TokenKeys, tokenMakers } from './tokens.js';
export { createTransform, type TransformOptions } from './transforms.js';
