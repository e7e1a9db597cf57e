/** E08 (what was changed), E10 (the log itself, and who read it) and E11 (retention and holds): entries of the log about the gateway's own doings. */

import { hash } from 'node:crypto';
import type { AuditLeaf } from '../../audit/index.js';
import type { Cell } from '../csv-file.js';
import { type DeletedRecords, inDays } from '../deleted-records.js';
import { hasEvent, type LoggedEvent } from '../events.js';
import type { PackWriter } from '../pack-writer.js';
import { writeRetention } from './retention-section.js';
import { cell, Section } from './section.js';
import type { Closing, SectionMaker } from './section-maker.js';

const READS = /^(log\.read|policy\.(read|explain|simulate)|masking\.scan|audit\.|evidence\.)/;
const RETENTION = /^(hold|retention|erase|session\.(erase|expire)|journal\.(expire|prune|erase)|log\.(expire|prune))/;
/** Told by other sections. */
const ELSEWHERE = /^(approval|grant)\.|^login\.refused$|^api\.denied$/;
const ACTOR = ['actorIssuer', 'actorSubject', 'actorKind', 'actorAmr', 'actorAcr', 'actorName', 'onBehalfOf', 'address', 'request'];
const COLUMNS = [
  'time',
  'kind',
  'issuer',
  'subject',
  'actor_kind',
  'amr',
  'acr',
  'name',
  'on_behalf_of',
  'address',
  'request',
  'target',
  'session',
  'what',
  'log',
  'log_index',
];

export class ChangeSections implements SectionMaker {
  readonly sections: readonly Section[];
  readonly #e08: Section;
  readonly #e10: Section;
  readonly #e11: Section;
  readonly #life: { readonly log: string; readonly leaf: AuditLeaf }[] = [];
  #heartbeats = 0;

  constructor(writer: PackWriter) {
    this.#e08 = new Section('E08', writer);
    this.#e10 = new Section('E10', writer);
    this.#e11 = new Section('E11', writer);
    this.sections = [this.#e08, this.#e10, this.#e11];
    this.#e08.gaps.push('author and approver of a policy file: it is reviewed where it is versioned; the pack has its text, named by digest');
    this.#e10.gaps.push('response time to a failure of logging');
  }

  leaf(log: string, leaf: AuditLeaf): void {
    if (leaf.kind === 'log.heartbeat') this.#heartbeats++;
    else if (!hasEvent(leaf.kind) && leaf.kind.startsWith('log.') && !RETENTION.test(leaf.kind)) this.#life.push({ log, leaf });
  }

  finish(closing: Closing): void {
    const { events, claimed, policies, logs, survey, told, deleted } = closing;
    const changes = this.#e08.table(
      'changes',
      COLUMNS,
      'log entries with from <= time < to that change something or tell the life of the gateway: all that are in no other section',
    );
    const readers = this.#e10.table(
      'readers',
      COLUMNS,
      "log entries with from <= time < to that tell who read records, lists of other people's sessions, policies, or the log",
    );
    const retention = events.some(({ leaf }) => RETENTION.test(leaf.kind))
      ? this.#e11.table('events', COLUMNS, 'log entries with from <= time < to about retention, holds and erasure')
      : null;
    const delivery = this.#e10.table(
      'delivery',
      COLUMNS,
      'log entries sink.* with from <= time < to: when a receiver of the log took nothing, and when it did again',
    );
    const versions = new Set<string>();
    for (const event of events) {
      const { kind } = event.leaf;
      if (ELSEWHERE.test(kind)) continue;
      claimed.add(kind);
      (READS.test(kind) ? readers : kind.startsWith('sink.') ? delivery : RETENTION.test(kind) && retention !== null ? retention : changes).add(row(event));
      for (const name of ['policy', 'before', 'after']) {
        const digest = event.fields[name];
        if (/^(policy\.change|gateway\.start)$/.test(kind) && typeof digest === 'string') versions.add(digest);
      }
    }
    for (const { start } of survey.sessions.values()) if (typeof start?.data['policy'] === 'string') versions.add(start.data['policy']);
    const texts = this.#e08.table(
      'policies',
      ['policy', 'file', 'characters'],
      'the policies that decided in the period, by digest; file: their canonical text, of which the digest is the SHA-256',
    );
    const known = new Map(policies.map((each) => [each.digest, each]));
    const without: string[] = [];
    for (const digest of [...versions].sort()) {
      const policy = known.get(digest);
      texts.add([digest, policy === undefined ? null : policyPath(digest), policy?.canonical.length ?? null]);
      if (policy === undefined) without.push(`the text of ${digest} is not in the pack`);
      else if (`sha256:${hash('sha256', policy.canonical, 'hex')}` !== digest) without.push(`the text of ${digest} has another digest`);
    }
    this.#e08.check('versions', 'each policy that decided is in the pack, with the text that its digest names', without, versions.size);
    this.#finishLog(claimed, logs);
    const hidden = [...told.values()].filter((each) => each.hidden > 0).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (hidden.length > 0) {
      const query = 'sessions of E09 of which entries cannot be read: their content was erased, or its key was not there when the pack was made';
      const table = this.#e11.table('hidden', ['session', 'entries'], query);
      for (const each of hidden) table.add([each.id, each.hidden]);
      const untold = hidden.filter(({ id }) => closing.deletions.contentEndOf(id) === null).map(({ id }) => id);
      this.#e11.check('unreadable', 'content that cannot be read was erased or had expired, as the log says', untold, hidden.length);
    }
    if (deleted.sessions.size > 0) this.#deleted(deleted);
    writeRetention(this.#e11, closing);
    const isTold = this.#e11.files.some(({ path, rows }) => rows > 0 && path !== 'E11/oldest.csv');
    if (!isTold)
      this.#e11.absence =
        'The log in the pack has no entry about retention, holds or erasure: nothing was expired, held or erased through gw, and it does not say what the rules were.';
  }

  #deleted({ sessions }: DeletedRecords): void {
    const table = this.#e11.table(
      'deleted',
      [
        'session',
        'subject',
        'target',
        'started',
        'ended',
        'content_ended',
        'how',
        'keep_days',
        'known_time',
        'log',
        'log_index',
        'deleted',
        'prune_log',
        'prune_index',
      ],
      'sessions of E09 whose begin is in no journal of the pack: their content ended (log entry session.expire or session.erase, here log and log_index), and the segments with their begin were deleted after that (journal.prune); keep_days and known_time: the period and the time known to have passed, as session.expire says; what they did is told by the log alone',
    );
    for (const { session, ended, prune } of sessions.values()) {
      const { data, kind, time, n } = ended.leaf;
      const keep = typeof data['keepMs'] === 'number' ? inDays(data['keepMs']) : null;
      const begun = session.start?.data ?? {};
      const what = [session.id, cell(begun['subject']), cell(begun['target']), session.start?.time ?? null, session.end?.time ?? null];
      const how = [time, kind === 'session.expire' ? 'expired' : 'erased', keep, cell(data['knownTime']), ended.log, n];
      table.add([...what, ...how, prune.leaf.time, prune.log, prune.leaf.n]);
    }
  }

  #finishLog(claimed: Closing['claimed'], logs: Closing['logs']): void {
    const life = this.#e10.table(
      'life',
      ['time', 'log', 'log_index', 'kind', 'detail'],
      'log entries log.* but log.read and heartbeats with from <= time < to: who wrote when, with which keys, and timestamps of authorities; heartbeats are counted in E01/logs.csv',
    );
    for (const { log, leaf } of this.#life) {
      claimed.add(leaf.kind);
      life.add([leaf.time, log, leaf.n, leaf.kind, JSON.stringify(leaf.data)]);
    }
    claimed.add('log.heartbeat', this.#heartbeats);
    const checkpoints = this.#e10.table(
      'checkpoints',
      ['log', 'size', 'root'],
      'the checkpoint of each log that the pack has; `gw audit verify --checkpoint` shows that the log goes on from it',
    );
    for (const { origin, size, root } of logs) checkpoints.add([origin, size, root]);
    this.#e10.check(
      'verifies',
      'the logs verify: places, times, tiles and root',
      logs.filter(({ rootHolds, disorder }) => !rootHolds || disorder.length > 0).map(({ origin }) => origin),
      logs.length,
    );
  }
}

export function policyPath(digest: string): string {
  return `policies/${digest.replace(/^sha256:/, '')}.json`;
}

function row({ leaf, log, fields }: LoggedEvent): Cell[] {
  const rest = Object.entries(fields).filter(([name]) => !ACTOR.includes(name) && !['target', 'session', 'apart', 'dropped'].includes(name));
  const what = rest.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
  return [leaf.time, leaf.kind, ...ACTOR.map((name) => cell(fields[name])), cell(fields['target']), cell(fields['session']), what, log, leaf.n];
}
