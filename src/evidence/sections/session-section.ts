/** E09: every session of the period with who, from where, to what, from when to when, and where its begin and end stand in the log. */
import { authenticationFields } from '../../contract/authentication.js';
import { unless } from '../deleted-records.js';
import type { PackWriter } from '../pack-writer.js';
import { type SurveyedSession, sessionsInOrder } from '../survey.js';
import { terminalRecordings } from '../terminal-recordings.js';
import { cell, Section } from './section.js';
import type { Closing, SectionMaker } from './section-maker.js';

const COLUMNS = [
  'session',
  'started',
  'ended',
  'duration_s',
  'issuer',
  'subject',
  'name',
  'kind',
  'groups',
  'on_behalf_of',
  'on_behalf_verified',
  'amr',
  'acr',
  'address',
  'client',
  'target',
  'account',
  'protocol',
  'via',
  'read_only',
  'assurance',
  'reason',
  'policy',
  'rule',
  'end_reason',
  'operations',
  'refused',
  'rows',
  'bytes_up',
  'bytes_down',
  'log_entries',
  'log',
  'log_index',
  'end_log',
  'end_index',
  'journal',
  'journal_number',
  'replay',
];

type Told = ReturnType<typeof authenticationFields>;

/** How its login was authenticated, by the log, or where its begin is before the period by the journal. */
function authenticationOf(session: SurveyedSession, { starts }: Closing): Told {
  const { amr, acr } = session.start?.data ?? {};
  return {
    ...authenticationFields(starts.get(session.id)?.identity ?? {}),
    ...(typeof amr === 'string' ? { amr } : {}),
    ...(typeof acr === 'string' ? { acr } : {}),
  };
}

export class SessionSection implements SectionMaker {
  readonly sections: readonly Section[];
  readonly #section: Section;

  constructor(writer: PackWriter) {
    this.#section = new Section('E09', writer);
    this.sections = [this.#section];
    this.#section.gaps.push('version and cipher of TLS');
  }

  finish(closing: Closing): void {
    const { survey, scope, claimed, drawn, told, deleted } = closing;
    const table = this.#section.table(
      'sessions',
      COLUMNS,
      'sessions whose begin (log entry session.start) is before "to" and whose end (session.end, session.recovered) is not before "from", in the order of time; names, groups, addresses and reasons from the begin in the journal; replay: the record is in sessions/',
    );
    const recordless: string[] = [];
    const short: string[] = [];
    let whole = 0;
    let silent = 0;
    const isIn = (leaf: { readonly time: string } | null): boolean => leaf !== null && Date.parse(leaf.time) >= scope.from;
    for (const session of sessionsInOrder(survey)) {
      if (scope.session !== null && session.id !== scope.session) continue;
      if (isIn(session.start)) claimed.add('session.start');
      if (session.end?.kind === 'session.end' && isIn(session.end)) claimed.add('session.end');
      const authentication = authenticationOf(session, closing);
      table.add(this.#row(session, closing, authentication, drawn.has(session.id) && told.has(session.id)));
      if (Object.keys(authentication).length === 0) silent++;
      if (told.get(session.id)?.begun !== true && !deleted.sessions.has(session.id)) recordless.push(session.id);
      if (session.end?.kind === 'session.end' && session.start !== null) {
        whole++;
        if (session.end.data['leaves'] !== session.leaves)
          short.push(`${session.id} has ${session.leaves} entries, its end says ${String(session.end.data['leaves'])}`);
      }
    }
    this.#section.check('recorded', `each session of the log has its begin in a journal${unless(deleted)}`, recordless, table.rows);
    this.#section.check('entries', 'each session that ended has as many entries in the log as its end says', short, whole);
    if (silent > 0) {
      const untold = `how ${silent} of ${table.rows} sessions were authenticated (amr, acr): the tokens of their identity provider do not say it`;
      this.#section.untold.set('authentication', untold);
      this.#section.gaps.push(untold);
    }
    this.#terminals(closing);
  }

  /** Only where a client recorded: it is a second witness, and the gateway's own record stands without it. */
  #terminals(closing: Closing): void {
    const recordings = terminalRecordings(closing);
    if (recordings.length === 0) return;
    const table = this.#section.table(
      'terminals',
      ['session', 'recording', 'state', 'agrees', 'differs', 'began', 'duration_s', 'sha256', 'judged', 'log', 'log_index'],
      'the sessions of sessions.csv whose client was to record its terminal (field recording of session.start), with the last log entry client_recording.judge of that recording before "to"; state missing: there is none; agrees: true: whole, and what the gateway delivered to the terminals of the session is in it, byte by byte (field compared of that entry); not compared: whole, and names the same sessions, but its content could not be compared (rows of a database, a record that was cut or erased); false: all else; sha256: of what was uploaded',
    );
    for (const { session, recording, judged, state, differs, agrees } of recordings) {
      const { createdAt, durationMs, digest } = judged?.leaf.data ?? {};
      const seconds = typeof durationMs === 'number' ? durationMs / 1000 : null;
      const place = [judged?.leaf.time ?? null, judged?.log ?? null, judged?.leaf.n ?? null];
      table.add([session.id, recording, state, agrees, differs, cell(createdAt), seconds, cell(digest), ...place]);
    }
    this.#section.check(
      'terminals',
      'each recording of a terminal was uploaded by who had the session',
      recordings.filter(({ isOwn }) => !isOwn).map(({ session, recording }) => `${recording} of ${session.id}`),
      recordings.length,
    );
  }

  #row(session: SurveyedSession, { starts }: Closing, authentication: Told, replay: boolean): (string | number | boolean | null)[] {
    const start = starts.get(session.id);
    const identity = start?.identity;
    const behalf = identity?.onBehalfOf;
    const begun = session.start?.time ?? (start === undefined ? null : new Date(start.startedAt).toISOString());
    const end = session.end?.data ?? {};
    const seconds = begun === null || session.end === null ? null : (Date.parse(session.end.time) - Date.parse(begun)) / 1000;
    const public_ = session.start?.data ?? {};
    return [
      session.id,
      begun,
      session.end?.time ?? null,
      seconds,
      cell(public_['issuer'] ?? identity?.issuer),
      cell(public_['subject'] ?? identity?.subject),
      identity?.name ?? null,
      identity?.kind ?? cell(public_['kind']),
      identity?.groups.join(' ') ?? null,
      behalf?.subject ?? null,
      behalf?.verified ?? null,
      authentication.amr ?? null,
      authentication.acr ?? null,
      start?.clientAddress ?? null,
      start?.client ?? null,
      cell(public_['target'] ?? start?.target),
      cell(public_['account'] ?? start?.account),
      cell(public_['protocol'] ?? start?.protocol),
      cell(public_['via'] ?? start?.via),
      start?.readOnly === true,
      cell(public_['assurance'] ?? start?.assurance),
      start?.reason ?? null,
      cell(public_['policy']),
      cell(public_['rule']),
      cell(end['reason']),
      cell(end['operations']),
      cell(end['refused']),
      cell(end['rows']),
      cell(end['bytesUp']),
      cell(end['bytesDown']),
      session.leaves,
      session.log,
      session.index,
      session.endLog,
      session.end?.n ?? null,
      session.journal,
      session.number,
      replay,
    ];
  }
}
