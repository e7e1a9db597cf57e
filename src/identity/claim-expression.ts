/**
 * CEL expressions over the claims of a verified token. They are compiled and type-checked when the configuration is loaded, and limited
 * in size and depth. `matches` is refused: its regular expressions backtrack, and a claim could be crafted to keep the gateway busy.
 * Whatever an expression does not answer cleanly refuses the token.
 */
import { Environment, Optional } from '@marcbachmann/cel-js';
import { GwError } from '../contract/gw-error.js';

const environment = new Environment({
  unlistedVariablesAreDyn: false,
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: 500, maxDepth: 32, maxListElements: 100, maxMapEntries: 100, maxCallArguments: 20 },
}).registerVariable('claims', 'map');

export type Claims = Readonly<Record<string, unknown>>;

export interface ClaimExpression {
  readonly text: string;
  /** Whether the result can depend on the token at all. */
  readonly usesClaims: boolean;
  /** Null for an absent optional. Throws what CEL throws; the caller says which expression failed. */
  evaluate(claims: Claims): unknown;
}

/** What is wrong with `text`, in words for the administrator, or null. */
export function checkClaimExpression(text: string): string | null {
  try {
    const parsed = environment.parse(text);
    if (calls(parsed.ast, 'matches')) {
      return 'uses matches(), which is refused because its regular expressions can take for ever; use ==, in, startsWith, endsWith or contains';
    }
    const result = parsed.check();
    return result.valid ? null : `is not a valid expression: ${firstLine(result.error)}`;
  } catch (error) {
    return `is not a valid expression: ${firstLine(error)}`;
  }
}

/** @throws GwError `config.invalid`; `where` names the expression in the message. */
export function compileClaimExpression(text: string, where: string): ClaimExpression {
  const fault = checkClaimExpression(text);
  if (fault !== null) throw new GwError('config.invalid', `${where} ${fault}`);
  const parsed = environment.parse(text);
  return {
    text,
    usesClaims: mentionsClaims(parsed.ast),
    evaluate(claims) {
      const value: unknown = parsed({ claims });
      if (!(value instanceof Optional)) return value;
      const inner: unknown = value.hasValue() ? value.value() : null;
      return inner;
    },
  };
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it cannot be compiled';
}

/** Whether any node of the tree is a call, free or as a method, of `name`. The depth of the tree is limited by the parser. */
function calls(node: unknown, name: string): boolean {
  return some(node, (op, args) => (op === 'call' || op === 'rcall') && Array.isArray(args) && args[0] === name);
}

function mentionsClaims(node: unknown): boolean {
  return some(node, (op, args) => op === 'id' && args === 'claims');
}

function some(node: unknown, test: (op: unknown, args: unknown) => boolean): boolean {
  if (Array.isArray(node)) return node.some((each) => some(each, test));
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return false;
  return test(node.op, node.args) || some(node.args, test);
}
