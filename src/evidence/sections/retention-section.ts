/**
 * E11 (retention and legal hold): the rules in force, holds, the oldest records, and whether what was kept and what was ended fits them, as far as the
 * entries of the log in the pack tell. What happened about it stands beside it in `E11/events.csv`.
 */
import type { HeldContent } from '../../audit/index.js';
import { inDays } from '../deleted-records.js';
import type { KeptRecord, ToldEntry } from '../deletions.js';
import { instant } from '../pack-scope.js';
import { cell, type Section } from './section.js';
import type { Closing } from './section-maker.js';

const OLDEST = 5;
const DAY_MS = 86_400_000;

/** Writes the tables of E11 about rules, holds and what is kept, and checks them. */
export function writeRetention(section: Section, closing: Closing): void {
  const { deletions, scope } = closing;
  const rules = deletions.rules.filter((each) => timeOf(each) < scope.to);
  writeRules(section, rules);
  writeHolds(section, closing);
  keptNoLonger(section, closing);
  const ended = deletions.contentEnds.filter((each) => isIn(each, closing) && isWanted(each.leaf.data['session'], closing));
  const holds = deletions.visibleHolds();
  const broken = ended.flatMap((each) => {
    const content = deletions.contentOf(each);
    const hold = holds.covering(content, { log: each.log, index: each.leaf.n, time: timeOf(each) });
    return hold === null ? [] : [`the content of ${content.session} ended (${each.log} entry ${each.leaf.n}) while the hold ${hold} covered it`];
  });
  section.check('held', 'nothing that a hold covered expired or was erased', broken, ended.length);
  if (rules.length === 0)
    section.gaps.push(
      'the rules of retention: no entry retention.rules before the end of the period is in the pack; a gateway tells them every day that it runs',
    );
}

function writeRules(section: Section, rules: readonly ToldEntry[]): void {
  const table = section.table(
    'rules',
    ['time', 'recordings_days', 'approvals_days', 'index_days', 'log_days', 'targets', 'in_force', 'log', 'log_index'],
    'log entries retention.rules before "to" that the pack has, each where it differs from the one before; log_days empty: the log is kept; in_force: at "to"',
  );
  const days = (value: unknown): number | null => (typeof value === 'number' ? inDays(value) : null);
  const different = rules.filter(({ leaf }, at) => JSON.stringify(leaf.data) !== JSON.stringify(rules[at - 1]?.leaf.data));
  for (const [at, { log, leaf }] of different.entries()) {
    const { recordings, approvals, index, log: whole, targets } = leaf.data;
    const periods = [recordings, approvals, index, whole].map(days);
    table.add([leaf.time, ...periods, cell(targets), at === different.length - 1, log, leaf.n]);
  }
}

function writeHolds(section: Section, { deletions, events, scope }: Closing): void {
  const table = section.table(
    'holds',
    ['hold', 'scope', 'value', 'issuer', 'placed', 'by', 'name', 'reason', 'released', 'active', 'log', 'log_index'],
    'legal holds of which the pack has the entry hold.add before "to" (of the one session: those that cover it); name and reason: where it was placed in the period; active: not released before "to"',
  );
  const told = new Map(events.filter(({ leaf }) => leaf.kind === 'hold.add').map(({ leaf, fields }) => [String(leaf.data['hold']), fields]));
  const { changes } = deletions.visibleHolds();
  for (const { hold, placed, scope: what, value, issuer, time, log, index } of changes) {
    if (!placed || time >= scope.to || (scope.session !== null && !(what === 'session' && value === scope.session))) continue;
    const released = changes.find((each) => each.hold === hold && !each.placed && each.time >= time && each.time < scope.to);
    const fields = told.get(hold);
    const by = [fields?.['actorSubject'], fields?.['actorName'], fields?.['reason']].map(cell);
    const place = log === '' ? [null, null] : [log, index];
    table.add([hold, what, value, issuer, instant(time), ...by, instant(released?.time ?? null), released === undefined, ...place]);
  }
}

/** The last look at all records before the end of the period, and what it should have ended. */
function keptNoLonger(section: Section, closing: Closing): void {
  const { deletions, scope } = closing;
  const kept = deletions.keptAt(scope.to).filter(({ content }) => isWanted(content.session, closing));
  const look = deletions.looks.filter((each) => timeOf(each) < scope.to).at(-1);
  const holds = deletions.visibleHolds();
  const end = { log: '', index: 0, time: scope.to };
  const periodOf = (content: HeldContent): number | null => (look === undefined ? null : deletions.ruleOf(look, content.target));
  const table = section.table(
    'oldest',
    ['session', 'target', 'subject', 'ended', 'keep_days', 'hold', 'log', 'log_index'],
    `the ${OLDEST} sessions that ended first of those whose end is in the pack and whose content had not expired or been erased before "to"; keep_days: by the rules before the last entry retention.run of the period; hold: one that covers it`,
  );
  for (const { content, ended } of kept.slice(0, OLDEST)) {
    const hold = holds.covering(content, end);
    table.add([content.session, content.target, content.subject, ended.leaf.time, inDays(periodOf(content)), hold, ended.log, ended.leaf.n]);
  }
  const known = look === undefined ? Number.NaN : Date.parse(String(look.leaf.data['knownTime']));
  const judged = kept.flatMap((each) => {
    const period = periodOf(each.content);
    return period === null ? [] : [{ ...each, due: timeOf(each.ended) + period }];
  });
  const late = (each: KeptRecord & { readonly due: number }): boolean => each.due + DAY_MS <= known && holds.covering(each.content, end) === null;
  section.check(
    'kept-no-longer',
    'no record of a session was kept a day longer than its rule says, of the time that is known to have passed, but under a hold',
    judged.filter(late).map(({ content, due }) => `${content.session} was due at ${instant(due)}`),
    judged.length,
  );
}

const timeOf = ({ leaf }: ToldEntry): number => Date.parse(leaf.time);

const isIn = (each: ToldEntry, { scope }: Closing): boolean => timeOf(each) >= scope.from && timeOf(each) < scope.to;

const isWanted = (session: unknown, { scope }: Closing): boolean => scope.session === null || session === scope.session;
