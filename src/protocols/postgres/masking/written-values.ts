/**
 * What is written to tables of hidden data, as text, so that what gw put in the place of a value is recognised: constants, values that are bound in
 * either format, elements of arrays, and for which columns the fields of a COPY are. Pure; bytes are untrusted.
 */
import type { BoundParameter } from '../../../contract/approval.js';
import type { MaskingDoor } from '../../../contract/masking-policy.js';
import { type Catalog, type CatalogRelation, isView } from '../catalog/catalog.js';
import { sourceColumns } from '../lineage/lineage.js';
import { readArrayBinary, readArrayText } from './array-value.js';
import { type FieldKind, fieldKind } from './field-kind.js';
import type { WatchedFields } from './input-watch.js';
import type { CopyIn } from './traced-text.js';
import { classesOf, isHidden } from './value-plan.js';

const UUID_BYTES = 16;

/** A text, and what is in it where it is an array. */
export function writtenTexts(text: string): readonly string[] {
  const read = text.trimStart().startsWith('{') ? readArrayText(text) : null;
  return [text, ...(read?.elements ?? []).flatMap((each) => each ?? [])];
}

/**
 * What is bound, as text. In binary a value says no type by itself: where the client declared none either, it is taken for an integer only where a
 * hidden one of its size (`sizes`, in bytes) may be written, because other numbers of that size hold the same bytes.
 */
export function boundTexts({ form, type, value }: BoundParameter, sizes: ReadonlySet<number>, catalog: Catalog | null): readonly string[] {
  if (form === 'null') return [];
  if (form === 'text') return writtenTexts(value);
  const bytes = Buffer.from(value, 'hex');
  const elements = (readArrayBinary(bytes, catalog)?.elements ?? []).flatMap((each) => each ?? []);
  const kind = kindOf(type, bytes.length, sizes, catalog);
  const read = kind?.kind === 'integer' || kind?.kind === 'uuid' ? kind.read(bytes) : null;
  // In the binary format of a text its bytes are just that.
  return [bytes.toString('utf8'), ...elements, ...(read === null ? [] : [Buffer.from(read).toString('latin1')])];
}

const INT4 = 23;
const INT8 = 20;
const UUID = 2950;

function kindOf(type: string | null, size: number, sizes: ReadonlySet<number>, catalog: Catalog | null): FieldKind | null {
  if (type !== null) return fieldKind(Number(type), catalog);
  if (size === UUID_BYTES) return fieldKind(UUID, catalog);
  return sizes.has(size) ? fieldKind(size === 4 ? INT4 : INT8, catalog) : null;
}

/** Bytes of the integers among the hidden columns of these. */
export function integerSizes(relations: readonly CatalogRelation[], door: MaskingDoor, catalog: Catalog | null): ReadonlySet<number> {
  const kinds = relations.flatMap((relation) => hiddenKinds(relation, null, door, catalog).flat());
  return new Set(kinds.flatMap(({ kind, bits }) => (kind === 'integer' ? [bits / 8] : [])));
}

/** `relations`: all that may be meant. */
export function watchedFields(input: CopyIn, relations: readonly CatalogRelation[], door: MaskingDoor, catalog: Catalog | null): WatchedFields {
  const all = relations.map((relation) => hiddenKinds(relation, input.columns, door, catalog));
  const length = Math.max(0, ...all.map((kinds) => kinds.length));
  return Array.from({ length }, (_, index) => all.flatMap((kinds) => kinds[index] ?? []));
}

/** Of each column, in order: its kind where it is hidden. What a view makes of what is written to it is not known: all of it is taken for hidden. */
function hiddenKinds(
  relation: CatalogRelation,
  names: readonly string[] | null,
  door: MaskingDoor,
  catalog: Catalog | null,
): readonly (readonly FieldKind[])[] {
  const sources = sourceColumns(relation);
  const own = relation.columns.filter(({ generated }) => generated !== true).toSorted((one, other) => one.number - other.number);
  return (names ?? own.map(({ name }) => name)).map((name) => {
    const source = sources.get(name);
    if (source === undefined) return [];
    return isView(relation) || classesOf(source, door.view).some(isHidden) ? [fieldKind(source.column.type, catalog)] : [];
  });
}
