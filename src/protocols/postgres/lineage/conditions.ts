/**
 * Conditions: which columns decide whether a row is shown, and by what kind of comparison. `equality` is the comparison of a column, as it is,
 * with values that the client gave or with another table's column: it finds what is known already. Everything else can be asked again and
 * again until a hidden value is known (redteam 6d D6), and a comparison with values that are made in the query itself spells one out at once.
 */
import { as, field, isTree, list, strings, tagged, text } from '../facts/tree.js';
import { givenValues } from './given-values.js';
import { isMade, isNothing, type Lineage, NOTHING } from './lineage.js';
import type { Level } from './sources.js';
import type { Trace } from './trace.js';

export function condition(trace: Trace, node: unknown, level: Level): void {
  if (node === undefined) return;
  const found = tagged(node);
  if (found?.tag === 'BoolExpr') {
    const before = trace.conditions.length;
    for (const part of list(found.node, 'args')) condition(trace, part, level);
    // Under OR and NOT the parts decide together.
    if (text(found.node, 'boolop') !== 'AND_EXPR') for (const { lineage } of trace.conditions.slice(before)) spells(node, lineage, level);
    return;
  }
  if (found?.tag === 'A_Expr' && comparison(trace, found.node, level)) return;
  if (found?.tag === 'SubLink' && text(found.node, 'subLinkType') === 'ANY_SUBLINK' && strings(list(found.node, 'operName')).every((name) => name === '=')) {
    const tested = field(found.node, 'testexpr');
    const side = trace.value(tested, level);
    const columns = trace.query(field(found.node, 'subselect'), level).map(({ lineage }) => lineage);
    const plain = isGiven(tested, side) && columns.every(isBare) && oneCollation([side, ...columns]);
    for (const each of [side, ...columns]) decide(trace, plain ? 'equality' : 'other', node, each, level);
    return;
  }
  decide(trace, 'other', node, trace.value(node, level), level);
}

function decide(trace: Trace, use: 'equality' | 'other', node: unknown, lineage: Lineage, level: Level): void {
  trace.condition(use, lineage);
  spells(node, lineage, level);
}

/** Forms of a comparison with an operator that finds, and with one that leaves out. */
const FINDS: ReadonlySet<string> = new Set(['AEXPR_OP =', 'AEXPR_IN =', 'AEXPR_OP_ANY =', 'AEXPR_NOT_DISTINCT =']);
const LEAVES_OUT: ReadonlySet<string> = new Set(['AEXPR_OP <>', 'AEXPR_IN <>', 'AEXPR_OP_ALL <>', 'AEXPR_DISTINCT =']);

/** `a = b`, `a IN (b, c)`, `a = ANY (b)`, and what denies these: true when it was dealt with here. */
function comparison(trace: Trace, node: Readonly<Record<string, unknown>>, level: Level): boolean {
  const kind = text(node, 'kind') ?? '';
  const operator = strings(list(node, 'name'));
  const form = `${kind} ${operator.join('.')}`;
  const finds = FINDS.has(form);
  if (!finds && !LEAVES_OUT.has(form)) return false;
  if (trace.foreignOperator(null, operator[0] ?? '')) return false;
  const right = field(node, 'rexpr');
  const items = as(right, 'List');
  const nodes = [field(node, 'lexpr'), ...(items === null ? [right] : list(items, 'items'))];
  const sides = nodes.map((side) => trace.value(side, level));
  const plain = sides.every((side, index) => isGiven(nodes[index], side)) && oneCollation(sides);
  if (plain) compare(trace, nodes, sides, kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL');
  for (const side of sides) decide(trace, plain && finds ? 'equality' : 'other', node, side, level);
  return true;
}

/** What is known of the two sides, for whoever may put another value in the place of a token. */
function compare(trace: Trace, nodes: readonly unknown[], sides: readonly Lineage[], arrays: boolean): void {
  const columns = sides.filter(isBare);
  const given = nodes.flatMap((node, index) => (isNothing(sides[index] ?? NOTHING) ? givenValues(node, arrays) : []));
  const [column, ...more] = columns;
  if (column === undefined || more.length > 0) return;
  const constants = given.flatMap((each) => ('text' in each ? [each] : []));
  const parameters = given.flatMap((each) => ('number' in each ? [each] : []));
  if (given.length > 0) trace.comparisons.push({ lineage: column, constants, parameters });
}

/**
 * A condition on these columns that names something which is made in the query itself (numbers of generate_series, constants of VALUES): the
 * rows that stay say what the columns hold. Marks the level and those around it.
 */
export function spells(node: unknown, lineage: Lineage, level: Level): void {
  if (!isMade(lineage) && namesMade(node, level)) level.spell(lineage);
}

/** How many rows there are is decided by these columns: whoever counts them knows what they hold. */
export function decidesRows(trace: Trace, lineage: Lineage, level: Level): void {
  trace.condition('other', lineage);
  level.spell(lineage);
}

function namesMade(node: unknown, level: Level): boolean {
  if (Array.isArray(node)) return node.some((each: unknown) => namesMade(each, level));
  if (!isTree(node)) return false;
  const reference = as(node, 'ColumnRef');
  if (reference !== null) {
    const named = level.resolve(strings(list(reference, 'fields')));
    return isMade(named) || meetsMade(named, level);
  }
  return Object.values(node).some((each) => namesMade(each, level));
}

/** Computed further in, it may have been held against what is made there and comes along; or it is made in some of the rows. */
function meetsMade(lineage: Lineage, level: Level): boolean {
  return lineage.mixed === true || (!lineage.exact && lineage.columns.size > 0 && level.holdsMade());
}

/** What is the same is taken once, and so their number tells which were; `node` gives the value, where one expression does. */
export function groups(trace: Trace, node: unknown, lineage: Lineage, level: Level): void {
  trace.condition('grouping', lineage);
  if (!isMade(lineage) && meetsMade(lineage, level)) level.spell(lineage);
  else spells(node, lineage, level);
}

/** The collation of one column is that of a comparison with another one of the usual collation: where it takes different values for equal, it was chosen by who compares. */
export function oneCollation(sides: readonly Lineage[]): boolean {
  const columns = sides.flatMap(({ columns: found }) => [...found]);
  return new Set(columns.map(({ column }) => column.loose === true)).size < 2;
}

/** A column of a table as it is. */
export function isBare(lineage: Lineage): boolean {
  return lineage.exact && lineage.unknown === null && !isMade(lineage);
}

/** A column of a table as it is, or what the client gave. */
function isGiven(node: unknown, lineage: Lineage): boolean {
  return isBare(lineage) || (isNothing(lineage) && !holdsColumn(node));
}

/** Or a collation, by which more is equal than what is the same. */
function holdsColumn(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(holdsColumn);
  if (!isTree(node)) return false;
  if (as(node, 'ColumnRef') !== null || as(node, 'SubLink') !== null || as(node, 'CollateClause') !== null) return true;
  return Object.values(node).some(holdsColumn);
}
