/** How explanations, differences, test results and simulations of policies read. All names and texts come from elsewhere and are made visible. */
import type { Decision } from '../../contract/decision.js';
import type { ChangedConnection, ChangedDecision, EffectTrace, PolicyExplanation, PolicySimulation, SimulatedChanges } from '../../contract/policy-types.js';
import { paintOut, visible } from '../terminal.js';
import { renderTable } from './table.js';

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

/** `deny by bank/no-drop`, painted. */
export function outcomeText({ effect, rule }: Pick<Decision, 'effect' | 'rule'>): string {
  const paint = { allow: paintOut.green, deny: paintOut.red, require_approval: paintOut.yellow }[effect];
  return `${paint(effect)} by ${visible(rule ?? 'default')}`;
}

function decisionLines(decision: Decision): string[] {
  const { limits, approval, tier } = decision;
  const held = Object.entries({ rows: limits?.rows, bytes: limits?.bytes, seconds: limits?.seconds, statements: limits?.statements }).filter(
    ([, value]) => value != null,
  );
  return [
    `${outcomeText(decision)}  (policy ${decision.policy.slice(0, 19)})`,
    ...decision.reasons.map((reason) => `  ${visible(reason)}`),
    ...(decision.hint === null ? [] : [`  hint: ${visible(decision.hint)}`]),
    ...decision.warnings.map((warning) => `  warning: ${visible(warning)}`),
    ...(tier === null ? [] : [`  tier: ${tier}`]),
    ...(held.length === 0 ? [] : [`  limits: ${held.map(([name, value]) => `${name} ${String(value)}`).join(', ')}`]),
    ...(approval?.approvers.map(({ rule, groups, quorum }) => `  approval: ${quorum} of ${visible(groups.join(', '))} (${visible(rule)})`) ?? []),
    ...pastAsking(approval),
  ];
}

/** How the same people are not asked each time. */
function pastAsking(approval: Decision['approval']): string[] {
  const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`;
  return [
    ...(approval?.grantMs == null ? [] : [`  ahead of time: access for up to ${minutes(approval.grantMs)} (gw request create --for)`]),
    ...(approval?.breakGlassMs == null ? [] : [`  in an emergency: --break-glass for ${minutes(approval.breakGlassMs)}, reviewed afterwards`]),
  ];
}

function effectText(effect: EffectTrace, all: boolean): string {
  const facts = Object.entries(effect.facts).map(([name, value]) => `${name}=${String(value)}`);
  const columns = effect.columns === null || effect.columns.length === 0 ? [] : [`columns=${effect.columns.join(',')}`];
  const shown = effect.rules.filter(({ applies }) => all || applies !== 'no');
  const head = `${paintOut.bold(visible(effect.what))}  ${paintOut.dim(visible([...facts, ...columns].join(' ')))}`.trimEnd();
  if (shown.length === 0) return lines([head, '  no rule applies']);
  const table = renderTable(
    ['APPLIES', 'EFFECT', 'RULE', 'WHY'],
    shown.map(({ applies, effect: kind, rule, why }) => [applies, kind, rule, why]),
    paintOut,
  );
  return `${head}\n${table}`;
}

/** What becomes of each column of the result. */
function maskingText(masking: PolicyExplanation['masking']): string {
  if (masking === null) return '';
  const tables = masking.results.map((columns) =>
    renderTable(
      ['COLUMN', 'SHOWN', 'CLASS', 'FROM', 'WHY'],
      columns.map(({ name, shown, classes, from, how, why }) => [
        name ?? '?',
        shown,
        classes.join(', '),
        from.length === 0 ? '' : `${how === 'unchanged' ? '' : `${how}: `}${from.slice(0, 4).join(', ')}${from.length > 4 ? ' …' : ''}`,
        why,
      ]),
      paintOut,
    ),
  );
  const text = renderTable(
    ['CLASS', 'ON A TERMINAL', 'WITHOUT ONE', 'IN THE RECORD', 'RULE'],
    masking.text.map(({ class: name, terminal, output, record, rule }) => [name, terminal, output, record, rule ?? '']),
    paintOut,
  );
  const refused = masking.refusal === null ? [] : lines([`${paintOut.red('refused')} for the sake of hidden data: ${visible(masking.refusal)}`]);
  const inherits = lines(masking.inherits.map(({ column, from }) => `${visible(column)} inherits the tags of ${visible(from.join(', '))}`));
  const resolves = lines(masking.resolves.map((column) => `a token that is compared with ${visible(column)} stands for its value`));
  const parts = [...refused, masking.text.length === 0 ? '' : text, ...tables, inherits, resolves].join('');
  return parts === '' ? '' : `\n${lines([paintOut.bold('masking')])}${parts}`;
}

/** `all`: rules that do not apply too. */
export function renderExplanation(answer: PolicyExplanation, all: boolean): string {
  const { as } = answer;
  const groups = as.groups.length === 0 ? 'in no group' : `groups ${as.groups.join(', ')}`;
  return [
    lines([
      `${visible(as.name)} (${as.kind}, ${visible(groups)}) on ${visible(answer.target)}`,
      `${visible(answer.statement ?? 'opens a session')}`,
      ...(answer.statement === null ? [] : [paintOut.dim(visible(answer.summary))]),
      ...answer.unknown.map((why) => `not known: ${visible(why)}`),
      '',
      ...decisionLines(answer.decision),
      '',
    ]),
    answer.effects.map((effect) => effectText(effect, all)).join('\n'),
    maskingText(answer.masking),
    lines(answer.notes.map((note) => `note: ${note}`)),
  ].join('');
}

function changeRow({ session, sequence, at, who, target, text, before, after }: ChangedDecision): string[] {
  const short = text.replace(/\s+/g, ' ').trim();
  return [
    at,
    `${session}/${sequence}`,
    who,
    target,
    `${before.effect} → ${after.effect}`,
    after.rule ?? 'default',
    short.length > 80 ? `${short.slice(0, 79)}…` : short,
  ];
}

function connectionRow({ at, session, who, target, account, before, after }: ChangedConnection): string[] {
  return [
    at,
    session,
    who,
    account === null ? target : `${target}+${account}`,
    `${before.effect} → ${after.effect}`,
    after.rule ?? 'default',
    after.accounts.join(' '),
  ];
}

/** Kinds of changes, then the first of them. */
function changesText<Change>(
  { changed, groups, changes, more }: SimulatedChanges<Change>,
  columns: readonly string[],
  row: (change: Change) => string[],
  place: string,
): string {
  if (changed === 0) return '';
  const kinds = groups.map(({ count, before, after }) => [String(count), before, after]);
  const tables = [renderTable(['COUNT', 'WAS', 'WOULD BE'], kinds, paintOut), renderTable(columns, changes.map(row), paintOut)];
  return `\n${tables.join('\n')}${more ? `… and more; \`${place}\` counts them all\n` : ''}`;
}

export function renderSimulation(answer: PolicySimulation): string {
  const { operations, sessions, changed, skipped, connections } = answer;
  const rate = answer.milliseconds > 0 ? `, ${Math.round((operations / answer.milliseconds) * 1000)} operations/s` : '';
  const unread = (count: number): string => (count > 0 ? `, ${count} could not be replayed` : '');
  return [
    `${operations} operations of ${sessions} sessions since ${answer.since}: ${changed} would be decided otherwise${unread(skipped)}${rate}\n`,
    changesText(answer, ['AT', 'OPERATION', 'WHO', 'TARGET', 'DECISION', 'RULE', 'TEXT'], changeRow, 'groups'),
    `${changed === 0 ? '' : '\n'}${connections.sessions} sessions began: ${connections.changed} would not be opened as they were${unread(connections.skipped)}\n`,
    changesText(connections, ['AT', 'SESSION', 'WHO', 'TARGET', 'DECISION', 'RULE', 'POSSIBLE AS'], connectionRow, 'connections.groups'),
  ].join('');
}
