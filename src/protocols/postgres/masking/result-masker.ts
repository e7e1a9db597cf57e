/**
 * Masks everything that comes down for one operation: its rows, in whatever format, and what the server says meanwhile. Takes whole frames in
 * order and gives what may be delivered. Without a description, or with one that does not fit what was traced, nothing is known of a row.
 */
import { MAPPED_FROM } from '../../../base/byte-map.js';
import { GwError } from '../../../contract/gw-error.js';
import type { ClassView, MaskingDoor } from '../../../contract/masking-policy.js';
import type { Guard } from '../../../contract/protocol.js';
import type { Verdict } from '../../../contract/verdict.js';
import type { Catalog } from '../catalog/catalog.js';
import { Back } from '../codec/message.js';
import type { Lineage } from '../lineage/lineage.js';
import type { Output as Column } from '../lineage/sources.js';
import { type ColumnPlans, columnPlans } from './column-plans.js';
import { CopyMasker } from './copy-masker.js';
import { TEXT_TYPE } from './field-kind.js';
import { FrameSplicer, readInt32 } from './frame-splicer.js';
import { scrubNotification, scrubWords } from './message-scrubber.js';
import { type Field, readRowDescription } from './row-description.js';
import { type MaskSink, RowMasker } from './row-masker.js';
import type { TracedStatement } from './traced-text.js';
import { planValue, type ValuePlan } from './value-plan.js';

export interface MaskedResult {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  /** Of the text, in order; those that run something by its name are that already. */
  readonly statements: readonly TracedStatement[];
  /** It reads, compares or writes hidden data, or may. */
  readonly touches: boolean;
}

/** A portal, as far as it is described. */
export interface Described {
  /** Body of the RowDescription that answered. */
  readonly description?: Buffer;
}

/** How the columns of one result are shown. */
interface ResultPlan {
  readonly door: MaskingDoor;
  readonly catalog: Catalog | null;
  /** Body of the RowDescription that it was made for. */
  readonly description: Buffer;
  readonly columns: ColumnPlans;
  /** Classes of columns that are shown in clear though they carry one. */
  readonly shown: readonly ClassView[];
}

/** The last plan for what a statement gives: prepared statements and their like are described the same every time. */
const plansByOutputs = new WeakMap<readonly Column[], ResultPlan>();

export class ResultMasker implements MaskSink {
  readonly #result: MaskedResult;
  /** Of the extended protocol: where its description is kept. */
  readonly #portal: Described | null;
  readonly #guard: Pick<Guard, 'masked'>;
  readonly #verdict: Verdict;
  #counts: Map<ClassView, number> | null = null;
  /** Found last, and so many times since it was counted: nearly always the next is the same. */
  #last: ClassView | null = null;
  #times = 0;
  #step = 0;
  #rows: RowMasker | null = null;
  #copy: CopyMasker | null = null;
  /** Columns of the result in hand that are shown in clear though they carry a class. */
  #shown: readonly ClassView[] = [];

  constructor(result: MaskedResult, portal: Described | null, guard: Pick<Guard, 'masked'>, verdict: Verdict) {
    this.#result = result;
    this.#portal = portal;
    this.#guard = guard;
    this.#verdict = verdict;
  }

  get touches(): boolean {
    return this.#result.touches;
  }

  /** So many values were found or hidden that no column counts. */
  found(how: ClassView, values = 1): void {
    if (how !== this.#last) {
      this.#countLast();
      this.#last = how;
    }
    this.#times += values;
  }

  #countLast(): void {
    if (this.#last === null || this.#times === 0) return;
    this.#counts ??= new Map();
    this.#counts.set(this.#last, (this.#counts.get(this.#last) ?? 0) + this.#times);
    this.#times = 0;
  }

  /** Whole frames of the result, whose memory may be overwritten. Gives the same bytes when nothing had to change. */
  frames(stretch: Buffer): Buffer {
    if (stretch.length < MAPPED_FROM) return this.#masked(stretch);
    const { scan } = this.#result.door;
    scan?.begin(stretch);
    try {
      return this.#masked(stretch);
    } finally {
      scan?.end();
      this.#copy?.end();
    }
  }

  #masked(stretch: Buffer): Buffer {
    const frames = new FrameSplicer(stretch);
    const end = stretch.length;
    let at = 0;
    while (at + 5 <= end) {
      const type = stretch[at] ?? 0;
      if (type === Back.DataRow || type === Back.CopyData) {
        at = this.#rowsAt(frames, at, type);
        continue;
      }
      const next = at + 1 + stretch.readUInt32BE(at + 1);
      if (next > end) throw new GwError('internal.error', 'A part of a frame was to be masked.');
      const frame = this.#other(type, stretch, at, next);
      if (frame !== null) frames.replace(at, next, frame);
      at = next;
    }
    this.#flushCounts();
    return frames.result();
  }

  /** Masks the rows of one kind that begin at `from`; gives where they end. */
  #rowsAt(frames: FrameSplicer, from: number, type: number): number {
    const masker = type === Back.DataRow ? this.#rowMasker() : this.#copyMasker();
    const { bytes } = frames;
    if (bytes.length >= MAPPED_FROM) this.#copy?.begin(bytes);
    let rows = 0;
    let at = from;
    // Where nothing of them can be hidden they are not looked into.
    const walked = !masker.passes || this.touches;
    while (at + 5 <= bytes.length && bytes[at] === type) {
      const next = at + 1 + readInt32(bytes, at + 1);
      if (next > bytes.length || next < at + 5) throw new GwError('internal.error', 'A part of a frame was to be masked.');
      if (walked) masker.frame(frames, at, next);
      rows++;
      at = next;
    }
    for (const how of this.#shown) this.found(how, rows);
    return at;
  }

  /** So many values of a column were changed. */
  changed(how: ClassView, values: number): void {
    this.#guard.masked(this.#verdict, how, values);
  }

  #takeCounts(): void {
    this.#rows?.takeCounts();
    this.#copy?.takeCounts();
  }

  #flushCounts(): void {
    this.#takeCounts();
    this.#countLast();
    if (this.#counts === null) return;
    for (const [how, values] of this.#counts) this.changed(how, values);
    this.#counts = null;
  }

  /** What stands in the place of a frame that is no row; null: it stays. */
  #other(type: number, buffer: Buffer, at: number, next: number): Uint8Array | null {
    switch (type) {
      case Back.RowDescription: {
        this.#begin(buffer.subarray(at + 5, next));
        return null;
      }
      case Back.CopyOutResponse:
        this.#beginCopy(buffer, at, next);
        return null;
      case Back.CommandComplete:
        if (this.#result.door.view.hides && !isTag(buffer.subarray(at + 5, next)))
          throw new GwError('target.protocol', 'The target sent what is no command tag.');
        this.#complete();
        return null;
      case Back.CopyInResponse:
        if (next - at < 8 || next - at !== 8 + 2 * buffer.readUInt16BE(at + 6))
          throw new GwError('target.protocol', 'The target sent a malformed CopyInResponse.');
        return null;
      case Back.CopyDone:
      case Back.PortalSuspended:
        if (next - at !== 5) throw new GwError('target.protocol', 'The target sent a malformed message.');
        return null;
      case Back.EmptyQueryResponse:
        if (next - at !== 5) throw new GwError('target.protocol', 'The target sent a malformed message.');
        this.#complete();
        return null;
      case Back.ErrorResponse:
      case Back.NoticeResponse:
        return scrubbed(scrubWords(buffer, at, next, this.#result.door, this.touches, this));
      case Back.NotificationResponse:
        return scrubbed(scrubNotification(buffer, at, next, this.#result.door, this));
      default:
        return null;
    }
  }

  #complete(): void {
    this.#step++;
    this.#takeCounts();
    this.#rows = null;
    this.#copy = null;
    this.#shown = [];
  }

  #rowMasker(): RowMasker {
    if (this.#rows === null) {
      const description = this.#portal?.description ?? null;
      if (description === null) throw new GwError('target.protocol', 'The target sent a row without its description.');
      this.#begin(description);
    }
    return this.#rows as unknown as RowMasker;
  }

  /** `description`: body of a RowDescription. */
  #begin(description: Buffer): void {
    const { door, catalog, statements } = this.#result;
    const outputs = statements[this.#step]?.lineage.outputs ?? null;
    const known = outputs === null ? undefined : plansByOutputs.get(outputs);
    let plan: ResultPlan;
    if (known !== undefined && known.door === door && known.catalog === catalog && known.description.equals(description)) plan = known;
    else {
      plan = planResult(outputs, Buffer.from(description), door, catalog);
      if (outputs !== null) plansByOutputs.set(outputs, plan);
    }
    this.#rows = new RowMasker(plan.columns, this);
    this.#shown = plan.shown;
  }

  #beginCopy(buffer: Buffer, at: number, next: number): void {
    const { door, catalog, statements } = this.#result;
    const statement = statements[this.#step];
    if (next - at < 8) throw new GwError('target.protocol', 'The target sent a malformed CopyOutResponse.');
    const count = buffer.readUInt16BE(at + 6);
    if (next - at !== 8 + 2 * count) throw new GwError('target.protocol', 'The target sent a malformed CopyOutResponse.');
    const format = statement?.copy ?? null;
    const binary = buffer[at + 5] === 1;
    if (format === null || (format.kind === 'binary') !== binary)
      throw new GwError('target.protocol', 'The target copies out in another way than the statement asks for.');
    const outputs = spread(statement?.lineage.outputs ?? [], count);
    const plans = Array.from({ length: count }, (_, index) => {
      const lineage = outputs?.[index]?.lineage ?? null;
      return planValue(lineage, { relation: 0, column: 0, type: typeOf(lineage), binary }, door, catalog);
    });
    this.#copy = new CopyMasker(columnPlans(plans), format, this);
    this.#shown = shownIn(plans);
  }

  #copyMasker(): CopyMasker {
    if (this.#copy === null) throw new GwError('target.protocol', 'The target sent COPY data that was not announced.');
    return this.#copy;
  }
}

function planResult(outputs: readonly Column[] | null, description: Buffer, door: MaskingDoor, catalog: Catalog | null): ResultPlan {
  const fields = readRowDescription(description, 0, description.length);
  if (fields === null) throw new GwError('target.protocol', 'The target sent a malformed RowDescription.');
  const lineages = columnsFor(outputs, fields);
  const values = fields.map(({ relation, column, type, format }, index) =>
    planValue(lineages?.[index] ?? null, { relation, column, type, binary: format === 1 }, door, catalog),
  );
  return { door, catalog, description, columns: columnPlans(values), shown: shownIn(values) };
}

/** `SELECT 5`, `INSERT 0 1`, `CREATE TABLE AS` (PostgreSQL's cmdtaglist.h). */
const TAG = /^(?:[A-Z]+(?: [A-Z]+){0,5}|\?\?\?)(?: \d{1,20}){0,2}\0$/;

/** The last one that was: nearly always the next is the same. */
let lastTag = Buffer.alloc(0);

function isTag(body: Buffer): boolean {
  if (body.equals(lastTag)) return true;
  if (!TAG.test(body.toString('latin1'))) return false;
  lastTag = Buffer.from(body);
  return true;
}

/** COPY does not say of which type a column is: it is that of the column that it shows as it is; text where it shows none. */
function typeOf(lineage: Lineage | null): number {
  if (lineage === null) return 0;
  const types = new Set([...lineage.columns].flatMap(({ relation, column }) => (relation.oid === 0 ? [] : column.type)));
  const [type] = types;
  return types.size === 0 ? TEXT_TYPE : types.size === 1 && lineage.exact ? (type ?? 0) : 0;
}

function shownIn(plans: readonly ValuePlan[]): readonly ClassView[] {
  return plans.flatMap((plan) => (plan.action === 'constant' || plan.action === 'transform' ? [] : plan.shown));
}

function scrubbed(frame: Buffer | null): Buffer {
  if (frame === null) throw new GwError('target.protocol', 'The target sent a malformed message.');
  return frame;
}

/** One entry for each of `count` columns; null: they do not fit. */
function spread(outputs: readonly Column[], count: number): readonly Column[] | null {
  const many = outputs.filter((column) => column.many);
  if (many.length === 0) return outputs.length === count ? outputs : null;
  const [only, ...more] = many;
  const missing = count - (outputs.length - 1);
  if (only === undefined || more.length > 0 || missing < 0) return null;
  return outputs.flatMap((column) => (column.many ? Array.from({ length: missing }, () => ({ ...column, many: false, name: null })) : [column]));
}

/** Lineages by position; null: what was traced is not what the server describes. */
function columnsFor(outputs: readonly Column[] | null, fields: readonly Field[]): readonly Lineage[] | null {
  if (outputs === null) return null;
  const columns = spread(outputs, fields.length);
  if (columns === null) return null;
  const fits = columns.every(({ name }, index) => name === null || name === fields[index]?.name);
  return fits ? columns.map(({ lineage }) => lineage) : null;
}
