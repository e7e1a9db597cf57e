/**
 * What SQL text means: the one entrance for the rest of the island. `prepareParser` once per process, then `StatementCache.analyse` for each
 * statement, and `withResolved` for what a statement runs by name.
 */
export { analyseText, factsOf, TEXT_LIMIT, type Analysis, type StatementInfo } from './analysis.js';
export { prepareParser } from './parser.js';
export { withResolved, type Lookup, type NameKind } from './resolve.js';
export { StatementCache, type CacheLimits } from './statement-cache.js';
export type { StatementKind } from './statement-form.js';
