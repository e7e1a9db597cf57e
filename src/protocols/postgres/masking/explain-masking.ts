/** The masking of a statement in words, column by column: what it is made of, of which class that is, and what somebody would see of it. */
import { GwError } from '../../../contract/gw-error.js';
import type { ClassView, ClearColumn, ExplainedColumn, MaskingDoor, MaskingExplanation } from '../../../contract/masking-policy.js';
import type { Catalog } from '../catalog/catalog.js';
import { analyseText } from '../facts/index.js';
import { prepareParser } from '../facts/parser.js';
import type { SourceColumn } from '../lineage/lineage.js';
import type { Output } from '../lineage/sources.js';
import { clearColumns } from './clear-columns.js';
import { TEXT_TYPE } from './field-kind.js';
import { type MaskedConversation, SessionMasking } from './session-masking.js';
import { classesIn, classesOf, isHidden, planValue } from './value-plan.js';

const IDLE = 0x49;

/** As a fresh session would mask it. `snapshot`: of the target's catalog; null: none is to be had. */
export async function explainMasking(text: string, door: MaskingDoor, snapshot: object | null): Promise<MaskingExplanation> {
  await prepareParser();
  const catalog = snapshot as Catalog | null;
  const fresh: MaskedConversation = {
    context: {
      guard: { masking: () => door, masked: () => undefined, resolved: () => undefined },
      beside: () => Promise.reject(new GwError('internal.error', 'An explanation looks nothing up.')),
      inheritTags: () => Promise.resolve(),
      recheckCatalog: () => Promise.resolve(),
    },
    followed: () => null,
    shifted: false,
    block: IDLE,
    flight: { running: false },
    relations: () => catalog,
  };
  const analysis = analyseText(text);
  const mask = new SessionMasking(fresh).ofText(analysis, Buffer.from(text), analysis.facts, false);
  const results = (mask?.statements ?? []).flatMap(({ lineage: { outputs } }) =>
    outputs.length === 0 ? [] : [outputs.map((column) => explainColumn(column, door, catalog))],
  );
  const inherits = (mask?.inherits ?? []).map(({ relation, column, name, from }) => ({
    column: [...relation, name ?? (column === 0 ? '*' : `column ${column}`)].join('.'),
    from: from.map((each) => each.join('.')),
  }));
  const compared = (mask?.statements ?? []).flatMap(({ lineage }) => lineage.comparisons.flatMap(({ lineage: { columns } }) => [...columns]));
  const resolves = compared.filter((source) => classesOf(source, door.view).some((how) => how.resolvedBy !== null)).map(nameOf);
  return {
    text: [],
    results,
    refusal: mask?.refusal ?? null,
    inherits,
    clears: mask?.clears ?? [],
    resolves: [...new Set(resolves)],
    catalog: catalog !== null,
  };
}

const nameOf = ({ relation, column }: SourceColumn): string => `${relation.schema}.${relation.name}.${column.name}`;

function explainColumn({ name, lineage, many }: Output, door: MaskingDoor, catalog: Catalog | null): ExplainedColumn {
  const sources = [...lineage.columns];
  const [source] = sources;
  const type = lineage.exact && source !== undefined ? source.column.type : TEXT_TYPE;
  const plan = planValue(lineage, { relation: 0, column: 0, type, binary: false }, door, catalog);
  const classes = classesIn(lineage, door.view);
  const how = plan.action === 'transform' || plan.action === 'constant' ? plan.how : null;
  return {
    name: many ? `${name ?? '*'} …` : name,
    from: sources.map(nameOf),
    how: lineage.unknown !== null ? 'unknown' : lineage.exact ? 'unchanged' : 'computed',
    classes: classes.map((each) => each.class),
    shown: how === null ? (plan.action === 'pass' ? 'clear' : 'scan') : how.treatment,
    rule: how?.rule ?? classes[0]?.rule ?? null,
    why: whyShown(lineage.unknown, classes, plan.action, how) + onApproval(clearColumns([lineage], door, catalog)) + inheritedFrom(sources),
  };
}

function onApproval(clears: readonly ClearColumn[] | null): string {
  if (clears === null) return '';
  const rules = [...new Set(clears.flatMap(({ terms }) => terms.rules))].join(', ');
  const found = [...new Set(clears.flatMap(({ class: name, detected }) => (detected === true ? [name] : [])))].join(', ');
  const what = found === '' ? 'in clear' : `what they find of class ${found} in clear`;
  const groups = [...new Set(clears.flatMap(({ terms }) => terms.groups))];
  if (groups.length === 0) return `; ${what} once people approved the statement (${rules})`;
  const without = clears.some(({ terms }) => terms.unapproved === 'refused') ? ', and refused without' : '';
  return `; ${what} once ${groups.join(', ')} approved it (${rules})${without}`;
}

/** A column of another name than the one that policy tags. */
function inheritedFrom(sources: readonly SourceColumn[]): string {
  const from = sources.flatMap(({ column }) => column.inherited?.from ?? []).map((name) => name.join('.'));
  return from.length === 0 ? '' : `; inherited from ${[...new Set(from)].slice(0, 4).join(', ')}`;
}

const namesIn = (classes: readonly ClassView[]): string => classes.map((each) => each.class).join(', ');

function whyShown(unknown: string | null, classes: readonly ClassView[], action: string, how: ClassView | null): string {
  if (unknown !== null && how !== null) return `${unknown}, so it may be anything that is hidden`;
  if (action === 'scan' || action === 'search') {
    const text = action === 'scan' ? 'is text' : 'may hold text';
    if (classes.length > 0) return `class ${namesIn(classes)} is shown in clear; more is in it that carries no tag and it ${text}: detectors look at it`;
    return `it carries no tag and ${text}: detectors look at it`;
  }
  if (classes.length === 0) return 'nothing that it is made of carries a tag';
  const hidden = classes.filter(isHidden);
  if (hidden.length === 0) return `class ${namesIn(classes)} is shown in clear`;
  const where = how?.rule == null ? 'as the class says' : `by ${how.rule}`;
  const several = how !== null && hidden.length > 0 && how.treatment !== hidden[0]?.treatment ? '; what is computed from it is masked whole' : '';
  return `class ${namesIn(hidden)}, ${where}${several}`;
}
