/**
 * A section of the report (E01 … E16): its tables with the query behind each, the checks that ran over them, or why gw has no evidence for it. What
 * the parts of the report that people read first (crosswalk, OSCAL, HTML) are made of. Pure.
 */
import { type Cell, CsvFile } from '../csv-file.js';
import { instant, type PackScope } from '../pack-scope.js';
import type { PackWriter } from '../pack-writer.js';

export const SECTIONS = {
  E01: 'Scope and completeness',
  E02: 'Access inventory',
  E03: 'Entitlement review',
  E04: 'Privileged activity',
  E05: 'Approvals and just-in-time access',
  E06: 'Denied and blocked',
  E07: 'Masking and clear-text exceptions',
  E08: 'Change log',
  E09: 'Sessions and replay',
  E10: 'Log integrity and readers of the log',
  E11: 'Retention and legal hold',
  E12: 'Agents and service identities',
  E13: 'Custody of credentials',
  E14: 'Sampling',
  E15: 'Break-glass access',
  E16: 'Metrics',
} as const;

export type SectionId = keyof typeof SECTIONS;
export const SECTION_IDS = Object.keys(SECTIONS) as SectionId[];

export interface SelfCheck {
  readonly id: string;
  readonly claim: string;
  /** Null: there was nothing to check. */
  readonly passed: boolean | null;
  readonly detail: string;
}

/** `supported`: there is evidence and its checks pass. `failed`: a check fails. `absent`: gw does not record what this asks for, or not all of it; no check fails. */
export type SectionState = 'supported' | 'failed' | 'absent';

/** What some controls ask of a section, and not every row of it tells. */
export type Ask = 'authentication';

export class Section {
  readonly id: SectionId;
  readonly files: CsvFile[] = [];
  readonly checks: SelfCheck[] = [];
  /** What the section asks for and gw does not record. */
  readonly gaps: string[] = [];
  /** What is asked and not told for all rows, with why not. */
  readonly untold = new Map<Ask, string>();
  /** Why it is no evidence for what it is asked for, whatever tables and checks there are. */
  absence: string | null = null;
  readonly #writer: PackWriter;

  constructor(id: SectionId, writer: PackWriter) {
    this.id = id;
    this.#writer = writer;
  }

  get title(): string {
    return SECTIONS[this.id];
  }

  get rows(): number {
    return this.files.reduce((sum, { rows }) => sum + rows, 0);
  }

  get state(): SectionState {
    if (this.checks.some(({ passed }) => passed === false)) return 'failed';
    return this.absence === null ? 'supported' : 'absent';
  }

  table(name: string, columns: readonly string[], query: string): CsvFile {
    const file = new CsvFile(this.#writer, `${this.id}/${name}.csv`, columns, query);
    this.files.push(file);
    return file;
  }

  /** @param wrong what speaks against the claim, the first few; `of` how much was looked at; `aside` what the reader must know besides */
  check(id: string, claim: string, wrong: readonly string[], of: number, aside: string | null = null): void {
    const passed = of === 0 && wrong.length === 0 ? null : wrong.length === 0;
    const found = passed === null ? 'nothing in the period to check' : passed ? `${of} checked` : `${wrong.length} of ${of}: ${wrong.slice(0, 5).join('; ')}`;
    this.checks.push({ id: `${this.id}.${id}`, claim, passed, detail: aside === null ? found : `${found}; ${aside}` });
  }

  /** Ends its tables and writes `section.json`. */
  finish(scope: PackScope, logs: readonly { readonly origin: string; readonly first: number; readonly size: number; readonly root: string }[]): void {
    for (const file of this.files) file.end();
    const content = {
      section: this.id,
      title: this.title,
      state: this.state,
      absence: this.absence,
      period: { from: instant(scope.from), to: instant(scope.to), session: scope.session },
      files: this.files.map(({ path, rows, columns, query }) => ({ path, rows, columns, query })),
      checks: this.checks,
      notRecorded: this.gaps,
      logs,
    };
    this.#writer.put(`${this.id}/section.json`, `${JSON.stringify(content, null, 2)}\n`);
  }
}

/** Counts by key, sorted when given. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(key: string, by = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  get(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  get sorted(): readonly (readonly [string, number])[] {
    return [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** A value of an entry or event as a cell; untrusted. */
export function cell(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}
