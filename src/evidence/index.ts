/** The evidence domain: packs that show to an examiner who did what, who approved it and what was masked, and that anyone can verify. May read audit and recording. */
export type { PackTools } from './derive-pack.js';
export { type ExportRequest, exportPack } from './export-pack.js';
export type { PackSink } from './pack-writer.js';
export type { PackPolicy } from './sections/section-maker.js';
export { type PackVerification, verifyPack } from './verify-pack.js';
