/**
 * The record of a session as the API gives it, out of the journal of the worker that carried it. Texts are shown as recorded, each cut at
 * 64 KiB and all of a page together bounded, so that no record can fill the memory of the process that carries other sessions.
 */

import { z } from 'zod';
import type { RecordPage, SessionRecords } from '../api/index.js';
import type { Logger } from '../base/logger.js';
import type { OperationRecord } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { MaskCount, TokenCount } from '../contract/masking-policy.js';
import type { ProtocolReplay } from '../contract/protocol.js';
import type { SessionSummary } from '../contract/session-store.js';
import { exportSession, followSession, type JournalKeys, type ReadRecord, type RecordedOperation, readSession } from '../recording/index.js';
import { protocolsByKind } from './gateway-protocols.js';
import type { EraseRecord } from './record-eraser.js';
import { watchSession } from './watch-session.js';

const TEXT_LIMIT = 64 * 1024;
const PAGE_TEXT_LIMIT = 8 * 1024 * 1024;
const EVENTS = 1_000;
/** The name comes from the state database; it becomes part of a path. */
const JOURNAL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function createSessionRecords(journalDir: string, keys: JournalKeys, erase: EraseRecord, logger: Logger): SessionRecords {
  return {
    erase,
    read: async (session, page) => {
      if (!JOURNAL_NAME.test(session.journal)) return missing('The name of the journal is not valid.');
      try {
        return await readPage(journalDir, keys, session, page);
      } catch (err) {
        logger.error({ err, session: session.id, journal: session.journal }, 'a session record could not be read');
        return missing('The journal could not be read.');
      }
    },
    export: (session, format) => {
      requireJournalName(session);
      if (session.content !== 'kept')
        throw new GwError('record.erased', `The content of the session ${session.id} ${session.content === 'erased' ? 'was erased' : 'has expired'}.`);
      return exportSession(readSession(journalDir, session.journal, session.id, keys), format, replayOf(session));
    },
    watch: (session) => {
      requireJournalName(session);
      const read = (more: () => Promise<boolean>) => {
        let joined = (): void => undefined;
        const live = new Promise<void>((resolve) => (joined = resolve));
        // More is asked for when nothing is left of what was there.
        const further = (): Promise<boolean> => {
          joined();
          return more();
        };
        return followSession(readSession(journalDir, session.journal, session.id, keys, further), live, replayOf(session));
      };
      return watchSession(read, '# nothing new\n');
    },
  };
}

/** The records in which there may be terminals, for what clients recorded of theirs. */
export function recordsOfTerminals(journalDir: string, keys: JournalKeys): ReadRecord {
  return ({ id, journal, protocol }, more) =>
    protocolsByKind.get(protocol)?.descriptor.recording === 'terminal' && JOURNAL_NAME.test(journal) ? readSession(journalDir, journal, id, keys, more) : null;
}

const replayOf = ({ protocol }: SessionSummary): ProtocolReplay | null => protocolsByKind.get(protocol)?.replay ?? null;

function requireJournalName({ journal }: SessionSummary): void {
  if (!JOURNAL_NAME.test(journal)) throw new GwError('session.unknown', 'The name of the journal of this session is not valid.');
}

const missing = (problem: string): RecordPage => ({ readOnly: false, operations: [], events: [], intact: false, problems: [problem], next: null });

async function readPage(
  journalDir: string,
  keys: JournalKeys,
  session: SessionSummary,
  { after, limit }: { after: number; limit: number },
): Promise<RecordPage> {
  const page = new OperationPage(limit);
  const events: RecordPage['events'][number][] = [];
  const masked = new Map<number, readonly MaskCount[]>();
  const resolved = new Map<number, readonly TokenCount[]>();
  let intact = false;
  let readOnly = false;
  let account: string | undefined;
  let endMessage: string | null = null;
  let problems: readonly string[] = [];
  for await (const item of readSession(journalDir, session.journal, session.id, keys)) {
    if (item.kind === 'start') ({ account } = item.start);
    if (item.kind === 'start') readOnly = item.start.readOnly === true;
    else if (item.kind === 'operation' && item.operation.sequence > after) page.add(recordOf(item.operation));
    else if (item.kind === 'event' && item.event === 'masked') noteMasked(item.data, masked);
    else if (item.kind === 'event' && item.event === 'tokens.resolved') noteResolved(item.data, resolved);
    else if (item.kind === 'event' && after === 0 && events.length < EVENTS) events.push({ at: time(item.time), kind: item.event, data: item.data });
    else if (item.kind === 'end') endMessage = item.end.message?.slice(0, TEXT_LIMIT) ?? null;
    else if (item.kind === 'integrity') {
      // What was ended in order is no damage: the session itself says so.
      const found = session.content === 'kept' ? item.problems : item.problems.filter(({ code }) => code !== 'content-erased');
      intact = found.length === 0;
      problems = found.map(({ code, message }) => `${code}: ${message}`);
    }
  }
  const operations = page.operations.map((each) => {
    const tokens = resolved.get(each.sequence);
    return { ...each, masked: masked.get(each.sequence) ?? [], ...(tokens === undefined ? {} : { resolved: tokens }) };
  });
  const said = { ...(account === undefined ? {} : { account }), ...(endMessage === null ? {} : { endMessage }) };
  return { readOnly, ...said, operations, events, intact, problems, next: page.next };
}

const maskedEvent = z.object({
  operation: z.number().int(),
  values: z.array(
    z.object({ class: z.string(), treatment: z.string() as unknown as z.ZodType<MaskCount['treatment']>, rule: z.string().nullable(), values: z.number() }),
  ),
});

/** A record is untrusted: what does not look like what masking writes is left out. */
function noteMasked(data: unknown, into: Map<number, readonly MaskCount[]>): void {
  const read = maskedEvent.safeParse(data);
  if (read.success) into.set(read.data.operation, summed(read.data.values));
}

const resolvedEvent = z.object({
  operation: z.number().int(),
  classes: z.array(z.object({ class: z.string(), rule: z.string().nullable(), values: z.number() })),
});

function noteResolved(data: unknown, into: Map<number, readonly TokenCount[]>): void {
  const read = resolvedEvent.safeParse(data);
  if (read.success) into.set(read.data.operation, summed(read.data.classes));
}

/** A record counts each column by itself: those of the same class, treatment and rule as one. */
function summed<T extends TokenCount>(counts: readonly T[]): T[] {
  const sums = new Map<string, T>();
  for (const each of counts) {
    const key = JSON.stringify({ ...each, values: 0 });
    sums.set(key, { ...each, values: each.values + (sums.get(key)?.values ?? 0) });
  }
  return [...sums.values()];
}

/** The first operations by sequence number; the journal gives them as they ended. */
class OperationPage {
  readonly operations: OperationRecord[] = [];
  readonly #limit: number;
  #text = 0;
  #more = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get next(): number | null {
    return this.#more ? (this.operations.at(-1)?.sequence ?? null) : null;
  }

  add(operation: OperationRecord): void {
    const { operations } = this;
    let at = operations.length;
    while (at > 0 && (operations[at - 1]?.sequence ?? 0) > operation.sequence) at--;
    operations.splice(at, 0, operation);
    this.#text += operation.text.length;
    while (operations.length > this.#limit || (this.#text > PAGE_TEXT_LIMIT && operations.length > 1)) {
      this.#text -= operations.pop()?.text.length ?? 0;
      this.#more = true;
    }
  }
}

const time = (milliseconds: number): string => new Date(milliseconds).toISOString();

function recordOf(operation: RecordedOperation): OperationRecord {
  const { sequence, decision, facts, outcome, exact } = operation;
  return {
    sequence,
    at: time(operation.time),
    form: operation.form ?? 'unknown',
    text: exact.toString('utf8', 0, Math.min(exact.length, TEXT_LIMIT)),
    summary: facts?.summary ?? '',
    actions: [...new Set(facts?.effects.map(({ action }) => action) ?? [])],
    // What cannot be read was not shown to be allowed.
    verdict: decision?.effect ?? 'deny',
    rule: decision?.rule ?? null,
    reasons: decision?.reasons ?? [],
    policy: decision?.policy ?? '',
    status: outcome?.status ?? (decision?.effect === 'allow' ? 'running' : 'refused'),
    rows: outcome?.rows ?? null,
    bytes: outcome?.bytes ?? null,
    durationUs: outcome?.durationUs ?? null,
    message: outcome?.message ?? null,
    masked: [],
  };
}
