/** What a call of a function by this name can do, as far as the name tells: PostgreSQL's own by their lists, everything else `user`. */
import { isBuiltin } from './builtin-functions.js';
import { dangerousClass, type FunctionClass } from './functions.js';

/** Code of users of which nothing is known but its name. `with-catalog.ts` says more where the server's catalog is there. */
export const UNSEEN = Object.freeze({ class: 'user', unseen: true, trusted: false } as const);

export function functionClass(schema: string | null, name: string): FunctionClass {
  return dangerousClass(name) ?? ((schema === null || schema === 'pg_catalog') && isBuiltin(name) ? 'plain' : 'user');
}

/** Facts of a `call` by its class. */
export function callFacts(known: FunctionClass): Readonly<Record<string, string | boolean>> {
  return known === 'user' ? UNSEEN : { class: known };
}
