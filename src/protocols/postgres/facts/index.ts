/**
 * What SQL text means: the one entrance for the rest of the island. `prepareParser` once per process, then `StatementCache.analyse` for each
 * statement, and `withResolved` for what a statement runs by name.
 */
export { type Analysis, analyseText, factsOf, type StatementInfo, TEXT_LIMIT } from './analysis.js';
export { countQuery } from './count-query.js';
export { usesOf } from './name-uses.js';
export { prepareParser } from './parser.js';
export { type Lookup, type NameKind, withResolved } from './resolve.js';
export { type CacheLimits, StatementCache } from './statement-cache.js';
export type { StatementKind } from './statement-form.js';
export { asWritten, mayBeBent, needsCatalog, withCatalog } from './with-catalog.js';
