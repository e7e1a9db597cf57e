/**
 * `when:` conditions in CEL. Compiled and type-checked at load; evaluated only after everything else of the rule matched. What cannot be
 * known (a column list, a schema) is *absent* from the context, so that asking for it fails, and a condition that fails denies.
 * `matches` is refused: its regular expressions can be made to run for minutes by a chosen text; `glob` is offered instead.
 */
import { type Context, Environment } from '@marcbachmann/cel-js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { Effect, Facts } from '../contract/operation.js';
import type { Target } from '../contract/target.js';
import { compileGlob } from './glob.js';

export interface Condition {
  /** True when the outcome may change with time alone: a decision that used it must not be kept. */
  readonly timeDependent: boolean;
  /** @throws whatever the condition throws; the caller takes that for a denial. */
  evaluate(context: Context): boolean;
}

export type ConditionResult = { readonly ok: true; readonly condition: Condition } | { readonly ok: false; readonly problem: string };

const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 16 };

/** For rules that also decide `connect`: no operation exists yet. */
const connectEnvironment = new Environment({ limits: LIMITS })
  .registerVariable({
    name: 'subject',
    schema: {
      issuer: 'string',
      subject: 'string',
      kind: 'string',
      email: 'string',
      groups: 'list<string>',
      claims: 'map<string, dyn>',
      onBehalfOf: { issuer: 'string', subject: 'string', verified: 'bool' },
    },
  })
  .registerVariable({ name: 'target', schema: { name: 'string', protocol: 'string', labels: 'map<string, string>' } })
  .registerVariable('now', 'google.protobuf.Timestamp')
  .registerFunction('string.glob(string): bool', (value: string, pattern: string) => compileGlob(pattern).test(value));

const operationEnvironment = connectEnvironment
  .clone()
  .registerVariable({
    name: 'effect',
    schema: {
      action: 'string',
      facts: 'map<string, dyn>',
      resource: { type: 'string', name: 'string', parts: 'list<string>', columns: 'list<string>' },
    },
  })
  .registerVariable({ name: 'operation', schema: { actions: 'list<string>' } });

/** Whether the tree calls `matches` or reads `now`. */
function inspect(node: unknown, found: { matches: boolean; now: boolean }): void {
  if (Array.isArray(node)) {
    for (const item of node) inspect(item, found);
    return;
  }
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return;
  const { op, args } = node;
  if (op === 'id' && args === 'now') found.now = true;
  if ((op === 'call' || op === 'rcall') && Array.isArray(args) && args[0] === 'matches') found.matches = true;
  inspect(args, found);
}

/** Compiles a condition; `scope` says whether an operation exists when it is asked. */
export function compileCondition(source: string, scope: 'connect' | 'operation'): ConditionResult {
  const environment = scope === 'connect' ? connectEnvironment : operationEnvironment;
  const checked = environment.check(source);
  if (!checked.valid) {
    const error = checked.error;
    const reason = (error?.message ?? 'it is not valid').split('\n')[0] ?? '';
    const at = error?.range === undefined ? '' : ` (at character ${error.range.start + 1} of the condition)`;
    const hint = scope === 'connect' && /\b(effect|operation)\b/.test(reason) ? '; a rule that names `connect` cannot ask for the operation' : '';
    return { ok: false, problem: `${reason}${at}${hint}` };
  }
  const evaluate = environment.parse(source);
  const found = { matches: false, now: false };
  inspect(evaluate.ast, found);
  if (found.matches)
    return {
      ok: false,
      problem:
        '`matches` is not available, because a regular expression can be made to run for minutes; use `.glob("bank-*")`, `startsWith`, `endsWith` or `contains`',
    };
  if (checked.type !== 'bool') return { ok: false, problem: `it gives ${checked.type ?? 'no type'}, not bool; compare it with something, e.g. \`… == true\`` };
  return {
    ok: true,
    condition: {
      timeDependent: found.now,
      evaluate(context) {
        const outcome: unknown = evaluate(context);
        if (typeof outcome !== 'boolean') throw new GwError('internal.error', 'the condition gave no bool');
        return outcome;
      },
    },
  };
}

/** The identity as conditions see it. The display name is left out: nothing may be decided by it. An unverified e-mail is empty. */
export function subjectContext(identity: Identity): Context {
  return {
    issuer: identity.issuer,
    subject: identity.subject,
    kind: identity.kind,
    email: identity.emailVerified ? (identity.email ?? '') : '',
    groups: identity.groups,
    claims: identity.claims,
    onBehalfOf: {
      issuer: identity.onBehalfOf?.issuer ?? '',
      subject: identity.onBehalfOf?.subject ?? '',
      verified: identity.onBehalfOf?.verified ?? false,
    },
  };
}

export function targetContext(target: Pick<Target, 'name' | 'protocol' | 'labels'>): Context {
  return { name: target.name, protocol: target.protocol, labels: target.labels };
}

/** One effect as conditions see it; parts of it that are not known are absent. */
export function effectContext(effect: Effect): Context {
  const resource = effect.resource;
  if (resource === null) return { action: effect.action, facts: effect.facts, resource: { type: '', name: '', parts: [], columns: [] } };
  const known = !resource.name.includes(null);
  return {
    action: effect.action,
    facts: effect.facts,
    resource: {
      type: resource.type,
      ...(known ? { name: resource.name.join('.'), parts: resource.name } : {}),
      ...(resource.columns === null ? {} : { columns: resource.columns }),
    },
  };
}

export function operationContext(facts: Facts): Context {
  return { actions: facts.effects.map((effect) => effect.action) };
}
