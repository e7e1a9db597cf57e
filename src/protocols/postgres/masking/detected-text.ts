/**
 * Text without a tag, of which people may let what detectors find be shown in clear: of which columns of tables it is made. Where that is not known
 * for certain, or one of them is none that they were asked about, nothing is opened. Pure.
 */
import type { ClassView, MaskingView } from '../../../contract/masking-policy.js';
import type { Lineage, SourceColumn } from '../lineage/lineage.js';

const NONE: readonly SourceColumn[] = Object.freeze([]);

/**
 * Columns that hold the values themselves: a view holds none, and what a part of a table holds is a row of the table. None: it is made
 * of something else as well, such as a table of the session, which no policy can name; or nobody is asked about any.
 */
export function holdingColumns({ columns, unknown }: Lineage, view: MaskingView): readonly SourceColumn[] {
  if (unknown !== null || !view.opensDetected) return NONE;
  const all = [...columns];
  if (all.some(({ relation }) => relation.oid === 0)) return NONE;
  const listed = (oid: number, name: string): boolean => all.some(({ relation, column }) => relation.oid === oid && column.name === name);
  return all.filter(({ relation, column }) => relation.kind !== 'v' && !relation.parents.some((oid) => listed(oid, column.name)));
}

/** Classes that people may let be shown in clear in every one of these columns, or did; of several views of a class that of the first column that is hidden. */
export function detectedIn(columns: readonly SourceColumn[], view: MaskingView): readonly ClassView[] {
  const [first = [], ...more] = columns.map(({ relation, column }) => view.detectedClasses([relation.schema, relation.name], column.name));
  return first.flatMap((how) => {
    const others = more.map((classes) => classes.find((each) => each.class === how.class));
    if (others.includes(undefined)) return [];
    return others.find((each) => each?.treatment !== 'clear') ?? how;
  });
}
