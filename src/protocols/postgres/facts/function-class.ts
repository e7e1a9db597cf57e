/** What a call of a function by this name can do, as far as the name tells: PostgreSQL's own by their lists, everything else `user`. */
import { isBuiltin } from './builtin-functions.js';
import { dangerousClass, type FunctionClass } from './functions.js';

export function functionClass(schema: string | null, name: string): FunctionClass {
  return dangerousClass(name) ?? ((schema === null || schema === 'pg_catalog') && isBuiltin(name) ? 'plain' : 'user');
}
