/**
 * The migrations of the state database, in order. A migration that was released is never edited: its digest is stored in the database
 * and compared at every start. Add a file, then a line here. TypeScript constants, so that the compiler alone builds the package.
 */
import { approvals } from './approvals.js';
import { clientRecordings } from './client-recordings.js';
import { comparedRecordings } from './compared-recordings.js';
import { inheritedTags } from './inherited-tags.js';
import { initial } from './initial.js';
import { judgedRecordings } from './judged-recordings.js';
import { namesInAnyCase } from './names-in-any-case.js';
import { operations } from './operations.js';
import { policies } from './policies.js';
import { recordKeeping } from './record-keeping.js';
import { wordStatistics } from './word-statistics.js';

export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const migrations: readonly Migration[] = [
  { version: 1, name: 'initial', sql: initial },
  { version: 2, name: 'policies', sql: policies },
  { version: 3, name: 'approvals', sql: approvals },
  { version: 4, name: 'operations', sql: operations },
  { version: 5, name: 'record-keeping', sql: recordKeeping },
  { version: 6, name: 'inherited-tags', sql: inheritedTags },
  { version: 7, name: 'client-recordings', sql: clientRecordings },
  { version: 8, name: 'word-statistics', sql: wordStatistics },
  { version: 9, name: 'compared-recordings', sql: comparedRecordings },
  { version: 10, name: 'judged-recordings', sql: judgedRecordings },
  { version: 11, name: 'names-in-any-case', sql: namesInAnyCase },
];
