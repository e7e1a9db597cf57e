/** E04 (what was done), E06 (what was refused) and E07 (what was masked, and what was seen in clear). */
import { hash } from 'node:crypto';
import type { AuditLeaf } from '../../audit/index.js';
import { assuranceOf } from '../../contract/operation.js';
import type { Cell, CsvFile } from '../csv-file.js';
import { unless } from '../deleted-records.js';
import { GRACE_MS } from '../disclosure.js';
import { hiddenText, type MaskedValues, maskedValues, type StoryOperation } from '../journal-story.js';
import { instant, type PackScope } from '../pack-scope.js';
import type { PackWriter } from '../pack-writer.js';
import { Draw } from '../sampling.js';
import { cell, Section } from './section.js';
import type { Closing, SectionMaker } from './section-maker.js';

/** Characters of a statement that a table shows; the digest is over all of it. */
const STATEMENT_CHARS = 1_000;

const WHO = ['session', 'issuer', 'subject', 'name', 'kind', 'on_behalf_of', 'on_behalf_verified', 'address', 'client', 'target', 'protocol', 'via'] as const;
const STATEMENT = ['statement_sha256', 'statement_bytes', 'redacted', 'statement'] as const;
const PLACE = ['journal', 'segment', 'entry'] as const;

export interface ScanTools {
  /** Values of classes that must never be stored in clear, found in a result as its reader saw it. */
  scan(protocol: string, delivered: Buffer, parameters: Buffer | null): ReadonlyMap<string, number>;
  /** Access keys, tokens and private keys in a text. */
  secrets(text: Buffer): number;
  /** A result as its reader saw it, as text. */
  shown(protocol: string, delivered: Buffer, parameters: Buffer | null): Buffer;
}

export class OperationSections implements SectionMaker {
  readonly sections: readonly Section[];
  readonly operations: Draw;
  readonly refusals: Draw;
  readonly #scope: PackScope;
  readonly #tools: ScanTools;
  readonly #drawn: ReadonlySet<string>;
  readonly #e04: Section;
  readonly #e06: Section;
  readonly #e07: Section;
  readonly #done: CsvFile;
  readonly #denied: CsvFile;
  readonly #refused: CsvFile;
  readonly #masked: CsvFile;
  readonly #clear: CsvFile;
  readonly #scans: CsvFile;
  readonly #denyLeaves = new Map<string, { readonly log: string; readonly leaf: AuditLeaf }>();
  readonly #matched = new Set<string>();
  readonly #maskedLeaves: { readonly log: string; readonly leaf: AuditLeaf }[] = [];
  readonly #clearLeaves: { readonly log: string; readonly leaf: AuditLeaf }[] = [];
  /** Values by session, class, treatment and rule, as the journal tells them; and those whose session ended in the period. */
  readonly #sums = new Map<string, Map<string, number>>();
  readonly #findings = new Map<string, Map<string, number>>();
  readonly #scanned = new Map<string, number>();
  readonly #wrong = { unread: [] as string[], unapproved: [] as string[], reached: [] as string[] };
  #demanding = 0;

  constructor(writer: PackWriter, scope: PackScope, drawn: ReadonlySet<string>, seed: string, tools: ScanTools) {
    this.#scope = scope;
    this.#tools = tools;
    this.#drawn = drawn;
    this.#e04 = new Section('E04', writer);
    this.#e06 = new Section('E06', writer);
    this.#e07 = new Section('E07', writer);
    this.sections = [this.#e04, this.#e06, this.#e07];
    this.#done = this.#e04.table(
      'operations',
      [
        'time',
        'sequence',
        ...WHO,
        'form',
        'actions',
        'resources',
        'verdict',
        'assurance',
        'policy',
        'rule',
        'tier',
        'approval',
        'approval_answer',
        'status',
        'rows',
        'bytes',
        'duration_ms',
        'masked',
        'message',
        ...STATEMENT,
        ...PLACE,
      ],
      'every journal entry "operation" with from <= time < to, with its decision, facts, outcome and masking counts, in the order of the journals',
    );
    this.#denied = this.#e06.table(
      'operations',
      ['time', 'sequence', ...WHO, 'policy', 'rule', 'assurance', 'reasons', 'status', 'target_reached', 'log', 'log_index', ...STATEMENT, ...PLACE],
      'operations of E04 whose decision is deny, or whose outcome is refused; log_index: the entry operation.deny',
    );
    this.#refused = this.#e06.table(
      'calls',
      ['time', 'kind', 'issuer', 'subject', 'name', 'address', 'via', 'route', 'code', 'count', 'message', 'log', 'log_index'],
      'log entries login.refused and api.denied with from <= time < to; count: logins that were too many to be written one by one',
    );
    this.#masked = this.#e07.table(
      'masked',
      ['time', 'session', 'class', 'treatment', 'rule', 'values', 'log', 'log_index'],
      'log entries data.masked with from <= time < to: what each session masked in all',
    );
    this.#clear = this.#e07.table(
      'clear',
      ['time', 'session', 'operation', 'issuer', 'subject', 'name', 'target', 'reason', 'assurance', 'class', 'rule', 'values', 'log', 'log_index'],
      'log entries data.clear with from <= time < to: tagged values that were delivered as they are, with the rule that permits it',
    );
    this.#scans = this.#e07.table(
      'scan',
      ['session', 'results', 'class', 'values', 'permitted'],
      'values that detectors find in the recorded results of the sessions drawn in E14; permitted: the session has clear reads of that class',
    );
    this.operations = new Draw('E04 operations', this.#done.query, seed, scope.sample);
    this.refusals = new Draw('E06 operations', this.#denied.query, seed, scope.sample);
  }

  leaf(log: string, leaf: AuditLeaf): void {
    if (leaf.kind === 'operation.deny') this.#denyLeaves.set(`${String(leaf.data['session'])}#${String(leaf.data['operation'])}`, { log, leaf });
    else if (leaf.kind === 'data.masked') this.#maskedLeaves.push({ log, leaf });
    else if (leaf.kind === 'data.clear') this.#clearLeaves.push({ log, leaf });
  }

  operation(told: StoryOperation): void {
    const { session, operation, masked, approval } = told;
    const { sequence, decision, facts, outcome, exact } = operation;
    const item = `${session.id}#${sequence}`;
    const who = whoCells(told);
    const digest = hash('sha256', exact, 'hex');
    const statement = [digest, operation.exactBytes, operation.redacted, shortened(exact)];
    const place = [session.journal, told.segment, told.index];
    const assurance = facts === null ? null : assuranceOf(facts, session.start?.assurance ?? null);
    const refused = decision?.effect === 'deny' || outcome?.status === 'refused';
    const status = outcome?.status ?? (refused ? 'refused' : 'open');
    this.#done.add([
      instant(operation.time),
      sequence,
      ...who,
      operation.form,
      [...new Set(facts?.effects.map(({ action }) => action))].join(' '),
      [
        ...new Set(
          facts?.effects.flatMap(({ resource }) => (resource === null ? [] : [`${resource.type}:${resource.name.map((part) => part ?? '?').join('.')}`])),
        ),
      ].join(' '),
      decision?.effect ?? 'unreadable',
      assurance,
      decision?.policy ?? null,
      decision?.rule ?? null,
      decision?.tier ?? null,
      approval?.request ?? null,
      approval?.answer ?? null,
      status,
      outcome?.rows ?? null,
      outcome?.bytes ?? null,
      outcome === null ? null : outcome.durationUs / 1000,
      masked.map((each) => `${each.class}:${each.treatment}:${each.values}`).join(' '),
      outcome?.message ?? null,
      ...statement,
      ...place,
    ]);
    this.operations.offer(item, `E04/operations.csv`);
    if (decision === null || facts === null) this.#wrong.unread.push(item);
    // What people let through keeps what was demanded of them.
    if (decision?.approval != null) {
      this.#demanding++;
      const isLetThrough = approval?.answer === 'used' || approval?.answer === 'grant';
      if (!isLetThrough && status !== 'refused' && status !== 'cancelled' && status !== 'open') this.#wrong.unapproved.push(item);
    }
    if (refused) this.#refuse(told, item, who, status, assurance, statement, place);
    this.#sum(told);
  }

  finish({ events, claimed, survey, starts, told, deleted }: Closing): void {
    const isGone = (leaf: AuditLeaf): boolean => isErased(told, leaf) || deleted.sessions.has(String(leaf.data['session']));
    for (const { leaf, log, fields } of events) {
      if (leaf.kind !== 'login.refused' && leaf.kind !== 'api.denied') continue;
      claimed.add(leaf.kind);
      const f = (name: string): Cell => cell(fields[name]);
      const code = [f('via'), f('route'), f('code'), f('count'), f('message')];
      this.#refused.add([leaf.time, leaf.kind, f('actorIssuer'), f('actorSubject'), f('actorName'), f('address'), ...code, log, leaf.n]);
    }
    const unmatched = [...this.#denyLeaves].filter(([item, { leaf }]) => !this.#matched.has(item) && !this.#isAtEdge(leaf) && !isGone(leaf));
    claimed.add('operation.deny', this.#denyLeaves.size - unmatched.length);
    // What an unencrypted journal defined before its oldest segment is deleted with it.
    const unread = this.#wrong.unread.filter((item) => !deleted.sessions.has(item.slice(0, item.lastIndexOf('#'))));
    this.#e04.check('readable', 'each operation has a decision with policy and rule, and facts', unread, this.#done.rows);
    this.#e04.check('approved', 'nothing that policy wants approved was carried out without an approval or a grant', this.#wrong.unapproved, this.#demanding);
    const counts = [...told.values()].map((each) => ({ each, surveyed: survey.sessions.get(each.id) }));
    const whole = counts.filter(
      ({ surveyed }) => surveyed?.end?.kind === 'session.end' && surveyed.start !== null && surveyed.end.data['operations'] !== undefined,
    );
    const fewer = whole.filter(({ each, surveyed }) => surveyed?.end?.data['operations'] !== each.operations && !deleted.sessions.has(each.id));
    this.#e04.check(
      'complete',
      `each session that ended has as many operations as its end in the log says${unless(deleted)}`,
      fewer.map(({ each, surveyed }) => `${each.id} has ${each.operations}, its end says ${String(surveyed?.end?.data['operations'])}`),
      whole.length,
      hiddenText(told),
    );
    const contradicted = [...told.values()].flatMap(({ id, reached }) => [...reached].map((sequence) => `${id}#${sequence}`)).sort();
    this.#e04.check('settled', 'no operation that was denied has a result or an outcome after that', contradicted, this.#denied.rows);
    this.#e06.check(
      'matched',
      `each entry operation.deny of the log has its operation here${unless(deleted)}`,
      unmatched.map(([item]) => item),
      this.#denyLeaves.size,
    );
    this.#e06.check('not-reached', 'nothing that was denied has an outcome of the target', [...this.#wrong.reached, ...contradicted], this.#denied.rows);
    this.#finishMasking(claimed, starts, told);
  }

  #isAtEdge(leaf: AuditLeaf): boolean {
    return Date.parse(leaf.time) >= this.#scope.to - GRACE_MS;
  }

  #refuse(told: StoryOperation, item: string, who: readonly Cell[], status: string, assurance: Cell, statement: readonly Cell[], place: readonly Cell[]): void {
    const { decision, outcome } = told.operation;
    const denied = this.#denyLeaves.get(item);
    if (denied !== undefined) this.#matched.add(item);
    const reached = outcome !== null && outcome.status !== 'refused' && outcome.status !== 'cancelled';
    if (reached && decision?.effect === 'deny') this.#wrong.reached.push(item);
    const why = [decision?.policy ?? null, decision?.rule ?? null, assurance, decision?.reasons.join('; ') ?? null, status, reached ? 'yes' : 'no'];
    this.#denied.add([
      instant(told.operation.time),
      told.operation.sequence,
      ...who,
      ...why,
      denied?.log ?? null,
      denied?.leaf.n ?? null,
      ...statement,
      ...place,
    ]);
    this.refusals.offer(item, 'E06/operations.csv');
  }

  #sum({ session, operation, masked }: StoryOperation): void {
    for (const each of masked) {
      if (each.treatment === 'clear') continue;
      const sums = this.#sums.get(session.id) ?? new Map<string, number>();
      this.#sums.set(session.id, sums);
      sums.set(maskKey(each), (sums.get(maskKey(each)) ?? 0) + each.values);
    }
    if (!this.#drawn.has(session.id) || operation.delivered.bytes.length === 0) return;
    this.#scanned.set(session.id, (this.#scanned.get(session.id) ?? 0) + 1);
    const found = this.#tools.scan(session.start?.protocol ?? '', operation.delivered.bytes, operation.parameters);
    if (found.size === 0) return;
    const findings = this.#findings.get(session.id) ?? new Map<string, number>();
    this.#findings.set(session.id, findings);
    for (const [name, values] of found) findings.set(name, (findings.get(name) ?? 0) + values);
  }

  #finishMasking(claimed: Closing['claimed'], starts: Closing['starts'], told: Closing['told']): void {
    const differing: string[] = [];
    for (const { log, leaf } of this.#maskedLeaves) {
      claimed.add(leaf.kind);
      const id = String(leaf.data['session']);
      const sums = this.#sums.get(id) ?? new Map<string, number>();
      for (const each of maskedValues(leaf.data['values'])) {
        this.#masked.add([leaf.time, id, each.class, each.treatment, each.rule, each.values, log, leaf.n]);
        // The sums of a session that began before the period are not all here.
        const all = (starts.get(id)?.startedAt ?? 0) >= this.#scope.from && !isErased(told, leaf);
        if (all && sums.get(maskKey(each)) !== each.values)
          differing.push(`${id} masked ${sums.get(maskKey(each)) ?? 0} values of ${each.class}; the log says ${each.values}`);
      }
    }
    const permitted = new Set<string>();
    for (const { log, leaf } of this.#clearLeaves) {
      claimed.add(leaf.kind);
      const id = String(leaf.data['session']);
      const start = starts.get(id);
      const who = [start?.identity.issuer ?? null, start?.identity.subject ?? null, start?.identity.name ?? null, start?.target ?? null, start?.reason ?? null];
      for (const each of maskedValues(leaf.data['values'])) {
        permitted.add(`${id} ${each.class}`);
        this.#clear.add([leaf.time, id, cell(leaf.data['operation']), ...who, cell(leaf.data['assurance']), each.class, each.rule, each.values, log, leaf.n]);
      }
    }
    const unexpected: string[] = [];
    for (const [id, results] of [...this.#scanned].sort()) {
      const findings = this.#findings.get(id) ?? new Map<string, number>();
      if (findings.size === 0) this.#scans.add([id, results, null, 0, null]);
      for (const [name, values] of [...findings].sort()) {
        const may = permitted.has(`${id} ${name}`);
        this.#scans.add([id, results, name, values, may]);
        if (!may) unexpected.push(`${id} shows ${values} values of ${name} that no rule permits`);
      }
    }
    this.#e07.check('sums', 'what each session masked in all is what its operations masked', differing, this.#masked.rows);
    this.#e07.check(
      'scan',
      'recorded results hold no card number, social security number or account number in clear that no rule permits',
      unexpected,
      [...this.#scanned.values()].reduce((sum, each) => sum + each, 0),
    );
  }
}

/** The log tells of it, and its content cannot be read any more. */
const isErased = (told: Closing['told'], leaf: AuditLeaf): boolean => (told.get(String(leaf.data['session']))?.hidden ?? 0) > 0;

const maskKey = (each: MaskedValues): string => JSON.stringify([each.class, each.treatment, each.rule]);

function whoCells({ session: { id, start } }: StoryOperation): Cell[] {
  if (start === null) return [id, ...WHO.slice(1).map(() => null)];
  const { identity, clientAddress, client, target, protocol, via } = start;
  const behalf = identity.onBehalfOf;
  const { issuer, subject, name, kind } = identity;
  return [id, issuer, subject, name, kind, behalf?.subject ?? null, behalf?.verified ?? null, clientAddress, client, target, protocol, via];
}

function shortened(exact: Buffer): string {
  const text = exact.toString('utf8', 0, Math.min(exact.length, 4 * STATEMENT_CHARS));
  return text.length > STATEMENT_CHARS ? `${text.slice(0, STATEMENT_CHARS - 1)}…` : text;
}
