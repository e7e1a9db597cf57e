/** Operations out of messages: what the guard is asked, with the cases that the gateway itself cannot carry. */
import type { Facts, Operation } from '../../contract/operation.js';
import { pinnedSetting } from './pinned-settings.js';

export type Judged = Operation;

const NOTHING = new Uint8Array(0);

const unknownFacts = (reason: string): Facts => ({
  effects: [{ action: 'unknown', resource: null, facts: {} }],
  unknown: [reason],
  summary: reason,
  redacted: null,
});

const FUNCTION_CALL = unknownFacts('a function call by the FunctionCall message');
const TOO_LONG = unknownFacts('a statement longer than the gateway reads');
const NO_STATEMENT = unknownFacts('runs a prepared statement that this session did not prepare');
const BAD_NAME = unknownFacts('a statement or portal whose name is ambiguous');
const NO_PORTAL = unknownFacts('runs a portal that this session did not open');

/** By identity of the facts: whether they touch a pinned setting costs a walk, and facts are shared. */
const pinnedByFacts = new WeakMap<Facts, string | null>();

function forbiddenBy(facts: Facts): string | null {
  let reason = pinnedByFacts.get(facts);
  if (reason === undefined) {
    reason = pinnedSetting(facts);
    pinnedByFacts.set(facts, reason);
  }
  return reason;
}

export const judge = {
  statement(facts: Facts, exact: Uint8Array, form: string, reach: Operation['reach']): Judged {
    return { facts, exact, parameters: null, parameterTypes: null, forbidden: forbiddenBy(facts), form, reach };
  },

  bound(facts: Facts, statement: { readonly text: Uint8Array; readonly types: Uint8Array | null }, parameters: Uint8Array, reach: Operation['reach']): Judged {
    return { facts, exact: statement.text, parameters, parameterTypes: statement.types, forbidden: forbiddenBy(facts), form: 'execute', reach };
  },

  tooLong(length: number, limit: number): Judged {
    return {
      facts: TOO_LONG,
      exact: NOTHING,
      parameters: null,
      parameterTypes: null,
      reach: 'partial',
      forbidden: `the statement of ${length} bytes is over the limit of ${limit}`,
      form: 'query',
    };
  },

  functionCall(body: Uint8Array): Judged {
    return {
      facts: FUNCTION_CALL,
      exact: NOTHING,
      parameters: body,
      parameterTypes: null,
      reach: 'whole',
      forbidden: 'the FunctionCall message is not carried; call the function with SELECT',
      form: 'function',
    };
  },

  unclear(facts: Facts, exact: Uint8Array, reason: string): Judged {
    return { facts, exact, parameters: null, parameterTypes: null, reach: 'whole', forbidden: reason, form: 'query' };
  },

  badName(): Judged {
    return {
      facts: BAD_NAME,
      exact: NOTHING,
      parameters: null,
      parameterTypes: null,
      reach: 'whole',
      forbidden: 'the name of a statement or portal is longer than 63 bytes or not UTF-8, and the server could take it for another',
      form: 'execute',
    };
  },

  unknownStatement(name: string): Judged {
    return {
      facts: NO_STATEMENT,
      exact: NOTHING,
      parameters: null,
      parameterTypes: null,
      reach: 'whole',
      forbidden: `prepared statement "${name.slice(0, 63)}" does not exist in this session`,
      form: 'execute',
    };
  },

  unknownPortal(name: string): Judged {
    return {
      facts: NO_PORTAL,
      exact: NOTHING,
      parameters: null,
      parameterTypes: null,
      reach: 'whole',
      forbidden: `portal "${name.slice(0, 63)}" does not exist in this session`,
      form: 'fetch',
    };
  },
};
