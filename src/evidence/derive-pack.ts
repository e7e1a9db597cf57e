/**
 * Makes all that people read in a pack out of what is proved in it: logs and journals. Export and verification both do it: the one writes the files, the
 * other compares their digests, so whatever was changed in a file, added to a table or left out shows, whoever signed. Depends on its input alone.
 */
import type { AuditLeaf } from '../audit/index.js';
import { leafHash } from '../base/merkle-hash.js';
import type { ProtocolReplay } from '../contract/protocol.js';
import type { SessionStart } from '../contract/recording.js';
import type { Entry, SessionItem } from '../recording/index.js';
import { registerApprovals } from './approval-register.js';
import { crossControls, writeCrosswalk } from './crosswalk.js';
import { deletedRecords } from './deleted-records.js';
import { Deletions } from './deletions.js';
import { Disclosure } from './disclosure.js';
import { EventBook } from './events.js';
import { hiddenText, JournalStory, type StorySession } from './journal-story.js';
import { Locks } from './locks.js';
import { assessmentResults, OSCAL_PATH } from './oscal.js';
import { type PackScope, VERIFY_SCRIPT } from './pack-scope.js';
import type { PackWriter } from './pack-writer.js';
import { reportHtml } from './report-html.js';
import { Draw, sampleSeed } from './sampling.js';
import { scopeText } from './scope-text.js';
import { AccessSections } from './sections/access-sections.js';
import { ApprovalSections } from './sections/approval-sections.js';
import { ChangeSections } from './sections/change-sections.js';
import { OperationSections, type ScanTools } from './sections/operation-sections.js';
import { ScopeSection } from './sections/scope-section.js';
import { SECTION_IDS, type Section, Tally } from './sections/section.js';
import type { LogFacts, PackPolicy, SectionMaker, SliceFacts } from './sections/section-maker.js';
import { SessionSection } from './sections/session-section.js';
import { SummarySections } from './sections/summary-sections.js';
import { SessionRecord, writeApprovals, writeProof } from './session-files.js';
import type { SlicedLog } from './sliced-log.js';
import { Survey, sessionsInOrder } from './survey.js';

/** One log of the pack with its checkpoint, signed at its size. */
export interface SourceLog {
  readonly log: SlicedLog;
  readonly root: Buffer;
  readonly checkpoint: string;
}

export type SourceItem =
  | { readonly kind: 'entries'; readonly journal: string; readonly segment: number; readonly entries: readonly SourceEntry[] }
  /** After the last entry of a segment. */
  | ({ readonly kind: 'sealed' } & SliceFacts);

export interface SourceEntry {
  readonly index: number;
  readonly time: number;
  readonly entry: Entry;
}

export interface EvidenceSource {
  readonly logs: readonly SourceLog[];
  readonly policies: readonly PackPolicy[];
  /** The segments of the journals in their order; only entries that `disclosure` shows. */
  segments(disclosure: Disclosure): AsyncIterable<SourceItem>;
}

export interface PackTools extends ScanTools {
  replayOf(protocol: string): ProtocolReplay | null;
  readonly verifyScript: string;
  /** What is being done, and how much of it is, from 0 to 1. */
  progress(what: string, part: number): void;
}

export interface DerivedPack {
  readonly sections: readonly Section[];
  readonly logs: readonly LogFacts[];
}

export async function derivePack(source: EvidenceSource, scope: PackScope, tools: PackTools, writer: PackWriter): Promise<DerivedPack> {
  const survey = new Survey(scope);
  const deletions = new Deletions(survey);
  const locks = new Locks(scope.to);
  const own = new OwnEvents(scope.session);
  for (const { log } of source.logs) {
    for await (const { leaf } of log.leaves()) {
      survey.take(log.origin, leaf);
      deletions.take(log.origin, leaf);
      locks.take(leaf);
      if (survey.isIn(leaf)) own.learn(leaf.data);
    }
  }
  survey.finish();
  const seed = sampleSeed(
    source.logs.map(({ root }) => root),
    scope.nonce,
  );
  const sessions = new Draw('E09 sessions', 'the sessions of E09/sessions.csv', seed, scope.sample);
  for (const { id } of sessionsInOrder(survey)) if (scope.session === null || id === scope.session) sessions.offer(id, `sessions/${id}`);
  const drawn = new Set(sessions.drawn.map(({ item }) => item));

  const operations = new OperationSections(writer, scope, drawn, seed, tools);
  const requests = new ApprovalSections(writer, scope, seed);
  const summary = new SummarySections(writer, scope, seed);
  const makers: readonly SectionMaker[] = [
    operations,
    requests,
    new SessionSection(writer),
    new AccessSections(writer, scope, locks, tools),
    new ChangeSections(writer),
    summary,
    new ScopeSection(writer),
  ];
  const book = new EventBook(scope);
  const logs: LogFacts[] = [];
  for (const { log, root } of source.logs) {
    logs.push(
      await readLog(log, root, scope, (leaf) => {
        if (!own.concerns(leaf.data)) return;
        book.leaf(log.origin, leaf);
        for (const maker of makers) maker.leaf?.(log.origin, leaf);
      }),
    );
  }

  const starts = new Map<string, SessionStart>();
  const told = new Map<string, StorySession>();
  const slices: SliceFacts[] = [];
  const records = new Map<string, SessionRecord>();
  await readJournals(source, new Disclosure(scope, survey, drawn, (data) => own.concerns(data)), survey, writer, {
    session: (session) => {
      if (session.start !== null) starts.set(session.id, session.start);
      told.set(session.id, session);
      if (drawn.has(session.id)) records.set(session.id, new SessionRecord(session.id, writer, tools.replayOf, session.start?.protocol ?? ''));
    },
    operation: (each) => {
      if (each.operation.time < scope.from || each.operation.time >= scope.to) return;
      for (const maker of makers) maker.operation?.(each);
    },
    event: (session, journal, kind, data, time) => {
      if (session === null) book.event(journal, kind, data, time);
    },
    item: (session, item) => records.get(session.id)?.item(item),
    end: (session) => records.get(session.id)?.item(integrityOf(session)),
    slice: (slice) => void slices.push(slice),
    settle: async () => {
      for (const record of records.values()) await record.settle();
    },
  });
  for (const record of records.values()) await record.end();

  const events = book.list();
  const deleted = deletedRecords(deletions, { scope, survey, slices, told });
  const sections = makers.flatMap((maker) => maker.sections).sort((a, b) => SECTION_IDS.indexOf(a.id) - SECTION_IDS.indexOf(b.id));
  const closing = {
    scope,
    survey,
    logs,
    slices,
    policies: source.policies,
    drawn,
    starts,
    told,
    deleted,
    deletions,
    locks,
    events,
    isAtEdge: book.isAtEdge.bind(book),
    unlogged: book.unlogged,
    claimed: new Tally(),
    draws: [sessions, operations.operations, operations.refusals, requests.draw],
    sections,
  };
  for (const maker of makers) maker.finish(closing);
  for (const section of sections)
    section.finish(
      scope,
      logs.map(({ origin, first, size, root }) => ({ origin, first, size, root })),
    );
  await writer.settle();
  await writeSessions(source, survey, drawn, registerApprovals(events), writer);

  const crossings = crossControls(sections, logs.length);
  writeCrosswalk(writer, crossings);
  writer.put(OSCAL_PATH, `${JSON.stringify(assessmentResults(scope, sections, crossings), null, 2)}\n`);
  writer.put('00-scope.md', scopeText(scope, logs, sections, deleted, hiddenText(told)));
  writer.put('report.html', reportHtml(scope, logs, sections, crossings, sessions.drawn, deleted, hiddenText(told)));
  writer.put(VERIFY_SCRIPT, tools.verifyScript);
  await writer.settle();
  return { sections, logs };
}

/** What is about the one session of a pack: what names it, a request for approval that it made, or the recording that its client made. */
class OwnEvents {
  readonly #session: string | null;
  readonly #names = new Set<unknown>();

  constructor(session: string | null) {
    this.#session = session;
  }

  learn({ session, approval, recording }: AuditLeaf['data']): void {
    if (session !== this.#session) return;
    for (const name of [approval, recording]) if (typeof name === 'string') this.#names.add(name);
  }

  concerns({ session, approval, recording }: AuditLeaf['data']): boolean {
    return this.#session === null || session === this.#session || this.#names.has(approval) || this.#names.has(recording);
  }
}

/** A record of which nothing can be read is not shown as a whole one. */
function integrityOf({ journal, number, ended, hidden }: StorySession): SessionItem {
  const message = `the content of ${hidden} entries was erased, or its key was not there when the pack was made`;
  const problems = hidden === 0 ? [] : [{ code: 'content-erased' as const, bootId: journal, segment: 0, offset: 0, session: number, message }];
  return { kind: 'integrity', intact: hidden === 0, live: !ended, problems };
}

async function readLog(log: SlicedLog, root: Buffer, scope: PackScope, take: (leaf: AuditLeaf) => void): Promise<LogFacts> {
  const disorder: string[] = [];
  let last: AuditLeaf | null = null;
  let begun: number | null = null;
  let [firstTime, heartbeats, reachesEnd, holds] = ['', 0, false, (await log.problems(root)).length === 0];
  for await (const { index, bytes, leaf } of log.leaves()) {
    if (!(await log.hashAt(index)).equals(leafHash(bytes))) holds = false;
    if (last !== null && leaf.time < last.time) disorder.push(`entry ${index} of ${log.origin} is older than the one before`);
    if (leaf.kind === 'log.open') begun = 0;
    else if (leaf.kind === 'session.start') {
      const number = Number(leaf.data['number']);
      if (begun !== null && number !== begun + 1) disorder.push(`entry ${index} of ${log.origin} begins session number ${number} after ${begun}`);
      begun = number;
    }
    const time = Date.parse(leaf.time);
    if (time >= scope.from && time < scope.to) {
      if (leaf.kind === 'log.heartbeat') heartbeats++;
      take(leaf);
    }
    if (time >= scope.to) reachesEnd = true;
    else reachesEnd = leaf.kind === 'log.close';
    if (firstTime === '') firstTime = leaf.time;
    last = leaf;
  }
  const { origin, first, size } = log;
  return { origin, first, size, root: root.toString('hex'), rootHolds: holds, firstTime, lastTime: last?.time ?? '', disorder, heartbeats, reachesEnd };
}

type JournalVisitor = ConstructorParameters<typeof JournalStory>[2] & { slice(slice: SliceFacts): void; settle(): Promise<void> };

async function readJournals(source: EvidenceSource, disclosure: Disclosure, survey: Survey, writer: PackWriter, visitor: JournalVisitor): Promise<void> {
  const numbers = new Map<string, string>();
  for (const { id, journal, number } of survey.sessions.values()) if (number !== null) numbers.set(`${journal}/${number}`, id);
  let story: JournalStory | null = null;
  let of = '';
  for await (const item of source.segments(disclosure)) {
    const { journal } = item;
    if (story === null || journal !== of) {
      story?.finish();
      story = new JournalStory(journal, (number) => numbers.get(`${journal}/${number}`) ?? null, visitor);
      of = journal;
    }
    if (item.kind === 'sealed') {
      const { segment, entries, shown, root } = item;
      visitor.slice({ journal, segment, entries, shown, root });
    } else for (const { entry, time, index } of item.entries) story.take(entry, time, item.segment, index);
    await visitor.settle();
    await writer.settle();
  }
  story?.finish();
}

async function writeSessions(
  source: EvidenceSource,
  survey: Survey,
  drawn: ReadonlySet<string>,
  approvals: ReturnType<typeof registerApprovals>,
  writer: PackWriter,
): Promise<void> {
  const wanted = new Map<string, { readonly id: string; readonly name: string }>();
  for (const id of drawn) {
    const session = survey.sessions.get(id);
    writeApprovals(writer, id, approvals);
    if (session?.start != null) wanted.set(`${session.log} ${session.start.n}`, { id, name: 'proof.tlog-proof' });
    if (session?.end != null) wanted.set(`${session.endLog ?? ''} ${session.end.n}`, { id, name: 'proof-end.tlog-proof' });
  }
  for (const { log, checkpoint } of source.logs) {
    for await (const { index, bytes } of log.leaves()) {
      const proof = wanted.get(`${log.origin} ${index}`);
      if (proof !== undefined) await writeProof(writer, proof.id, proof.name, log, checkpoint, index, bytes);
    }
  }
  await writer.settle();
}
