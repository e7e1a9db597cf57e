/** E14 (what was drawn for a closer look, so that it can be drawn again) and E16 (figures by month, computed from the other sections alone). */
import type { AuditLeaf } from '../../audit/index.js';
import { latencyOf, registerApprovals, stateOf } from '../approval-register.js';
import { maskedValues, type StoryOperation } from '../journal-story.js';
import type { PackScope } from '../pack-scope.js';
import type { PackWriter } from '../pack-writer.js';
import { SAMPLE_METHOD } from '../sampling.js';
import { Section, Tally } from './section.js';
import type { Closing, SectionMaker } from './section-maker.js';

const month = (time: number): string => new Date(time).toISOString().slice(0, 7);

/** Figures with the table of which they count the rows. */
const RECOMPUTED = [
  ['operations', 'E04/operations.csv'],
  ['blocked_operations', 'E06/operations.csv'],
  ['approvals_asked', 'E05/approvals.csv'],
  ['break_glass', 'E15/break_glass.csv'],
] as const;

export class SummarySections implements SectionMaker {
  readonly sections: readonly Section[];
  readonly #e14: Section;
  readonly #e16: Section;
  readonly #scope: PackScope;
  readonly #seed: string;
  readonly #months = new Tally();

  constructor(writer: PackWriter, scope: PackScope, seed: string) {
    this.#scope = scope;
    this.#seed = seed;
    this.#e14 = new Section('E14', writer);
    this.#e16 = new Section('E16', writer);
    this.sections = [this.#e14, this.#e16];
    this.#e14.gaps.push('tester and result of each test: working papers of the auditor');
    this.#e16.gaps.push('false positives', 'delay between an entry and its checkpoint');
  }

  leaf(_log: string, leaf: AuditLeaf): void {
    const at = month(Date.parse(leaf.time));
    if (leaf.kind === 'session.start') this.#months.add(`${at} sessions`);
    else if (leaf.kind === 'login.refused') this.#months.add(`${at} refused_logins`, typeof leaf.data['count'] === 'number' ? leaf.data['count'] : 1);
    else if (leaf.kind === 'api.denied') this.#months.add(`${at} refused_calls`);
    else if (leaf.kind === 'data.clear') this.#months.add(`${at} clear_reads`);
    else if (leaf.kind === 'data.masked') for (const { values } of maskedValues(leaf.data['values'])) this.#months.add(`${at} masked_values`, values);
  }

  operation({ operation, approval }: StoryOperation): void {
    const at = month(operation.time);
    this.#months.add(`${at} operations`);
    const { decision, outcome } = operation;
    if (decision?.effect === 'deny' || outcome?.status === 'refused') this.#months.add(`${at} blocked_operations`);
    else if (decision?.effect === 'allow')
      this.#months.add(`${at} operations_allowed_by_${approval?.answer === 'used' || approval?.answer === 'grant' ? 'approval' : 'policy_alone'}`);
  }

  finish({ events, draws, sections }: Closing): void {
    const latencies = new Map<string, number[]>();
    for (const each of registerApprovals(events)) {
      const at = month(each.steps[0]?.time ?? this.#scope.from);
      this.#months.add(`${at} approvals_asked`);
      this.#months.add(`${at} approvals_${stateOf(each)}`);
      if (each.kind === 'break_glass') this.#months.add(`${at} break_glass`);
      const latency = latencyOf(each);
      if (latency !== null) latencies.set(at, [...(latencies.get(at) ?? []), latency]);
    }
    const metrics = this.#e16.table(
      'metrics',
      ['month', 'metric', 'value'],
      'counts by month of the rows of E04 to E07, E09 and E15; approval_latency_s: from the question to the first decision of a person',
    );
    const rows = this.#months.sorted.map(([key, value]): [string, string, number] => [key.slice(0, 7), key.slice(8), value]);
    for (const [at, all] of latencies) {
      const sorted = all.sort((a, b) => a - b);
      const part = (share: number): number => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) / 1000;
      rows.push([at, 'approval_latency_s_median', part(0.5)], [at, 'approval_latency_s_p95', part(0.95)]);
    }
    for (const row of rows.sort((a, b) => (a[0] + a[1] < b[0] + b[1] ? -1 : 1))) metrics.add(row);
    this.#recompute(sections);
    this.#draws(draws);
  }

  /** Figures are counted while log and journals are read, rows when the tables are written: by other code, out of the same entries. */
  #recompute(sections: Closing['sections']): void {
    const differing: string[] = [];
    const rowsOf = (path: string): number => sections.flatMap(({ files }) => files).find((file) => file.path === path)?.rows ?? 0;
    for (const [metric, path] of RECOMPUTED) {
      const [figure, rows] = [this.#sum(metric), rowsOf(path)];
      if (figure !== rows) differing.push(`${metric} is ${figure} in all, ${path} has ${rows} rows`);
    }
    this.#e16.check('recomputes', 'the figures of all months together are the rows of the tables that they count', differing, RECOMPUTED.length);
  }

  #draws(draws: Closing['draws']): void {
    const populations = this.#e14.table(
      'populations',
      ['population', 'items', 'drawn', 'seed', 'method', 'query'],
      'what was drawn from, and how; seed: SHA-256 over the roots of the checkpoints in E01/logs.csv, 32 bytes each, and the word of the examiner',
    );
    const items = this.#e14.table('items', ['population', 'number', 'item', 'rank', 'link'], `drawn from the populations: ${SAMPLE_METHOD}`);
    for (const { population, count, drawn, query } of draws) {
      populations.add([population, count, drawn.length, this.#seed, SAMPLE_METHOD, query]);
      for (const [at, { item, rank, link }] of drawn.entries()) items.add([population, at + 1, item, rank, link]);
    }
    // An item that names two things cannot be drawn again.
    const different = (drawn: Closing['draws'][number]['drawn']): number => new Set(drawn.map(({ item }) => item)).size;
    const short = draws.filter(({ count, drawn }) => different(drawn) !== Math.min(count, this.#scope.sample)).map(({ population }) => population);
    this.#e14.check('drawn', 'from each population as many different items were drawn as asked for, or all', short, draws.length);
  }

  #sum(metric: string): number {
    return this.#months.sorted.filter(([key]) => key.slice(8) === metric).reduce((sum, [, value]) => sum + value, 0);
  }
}
