/** E02 (who has and who used which access), E03 (what a review of rights needs), E12 (agents and services) and E13 (credentials of targets). */
import type { AuditLeaf } from '../../audit/index.js';
import type { SessionStart } from '../../contract/recording.js';
import { Canary } from '../canary.js';
import type { Cell } from '../csv-file.js';
import type { StoryOperation } from '../journal-story.js';
import { identityKey, type Locks } from '../locks.js';
import { instant, type PackScope } from '../pack-scope.js';
import type { PackWriter } from '../pack-writer.js';
import type { ScanTools } from './operation-sections.js';
import { cell, Section, Tally } from './section.js';
import type { Closing, PackPolicy, SectionMaker } from './section-maker.js';

interface Use {
  readonly start: SessionStart;
  sessions: number;
  first: number;
  last: number;
}

interface Right {
  readonly digest: string;
  readonly id: string;
  readonly rule: Readonly<Record<string, unknown>>;
}

export class AccessSections implements SectionMaker {
  readonly sections: readonly Section[];
  readonly #e02: Section;
  readonly #e03: Section;
  readonly #e12: Section;
  readonly #e13: Section;
  readonly #scope: PackScope;
  /** Operations that a rule decided, and when it did last. */
  readonly #decided = new Map<string, { uses: number; last: number }>();
  readonly #operations = new Tally();
  readonly #refused = new Tally();
  readonly #redacted = new Tally();
  readonly #locks: Locks;
  readonly #canary: Canary;
  /** Operations of who was locked. */
  readonly #afterLock: string[] = [];

  constructor(writer: PackWriter, scope: PackScope, locks: Locks, tools: ScanTools) {
    this.#scope = scope;
    this.#locks = locks;
    this.#canary = new Canary(tools);
    this.#e02 = new Section('E02', writer);
    this.#e03 = new Section('E03', writer);
    this.#e12 = new Section('E12', writer);
    this.#e13 = new Section('E13', writer);
    this.sections = [this.#e02, this.#e03, this.#e12, this.#e13];
    this.#e02.gaps.push(
      'identities that have a right and never used it: gw knows people by their groups when they log in; the list of members is in the identity provider',
      'who approved a right, and until when it is: rules are reviewed where their files are versioned',
    );
    this.#e03.gaps.push('reviewer and decision of each review', 'date of leaving of a person');
    this.#e12.gaps.push('model, framework, version and charter of an agent', 'digest of prompts');
  }

  leaf(_log: string, leaf: AuditLeaf): void {
    this.#canary.leaf(leaf);
  }

  operation({ session, operation }: StoryOperation): void {
    this.#operations.add(session.id);
    this.#canary.operation(session, operation);
    const who = session.start?.identity;
    const isDone = operation.decision?.effect !== 'deny' && operation.outcome?.status !== 'refused';
    if (who !== undefined && isDone && this.#locks.isLocked(who.issuer, who.subject, operation.time))
      this.#afterLock.push(`${session.id}#${operation.sequence} of ${who.subject}`);
    const { decision, outcome } = operation;
    if (decision?.effect === 'deny' || outcome?.status === 'refused') this.#refused.add(session.id);
    if (operation.redacted) this.#redacted.add(session.start?.target ?? '');
    if (decision?.rule != null) this.#use(decision.policy, decision.rule, operation.time);
  }

  finish({ starts, policies, survey, events }: Closing): void {
    const sessions = [...starts]
      .filter(([id]) => survey.sessions.has(id) && (this.#scope.session === null || id === this.#scope.session))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const uses = new Map<string, Use>();
    for (const [, start] of sessions) {
      const { identity, target, decision, startedAt } = start;
      if (decision.rule !== null) this.#use(decision.policy, decision.rule, startedAt);
      const key = JSON.stringify([
        identity.issuer,
        identity.subject,
        identity.kind,
        identity.groups,
        identity.onBehalfOf,
        target,
        decision.rule,
        decision.policy,
      ]);
      const known = uses.get(key);
      if (known === undefined) uses.set(key, { start, sessions: 1, first: startedAt, last: startedAt });
      else {
        known.sessions++;
        known.first = Math.min(known.first, startedAt);
        known.last = Math.max(known.last, startedAt);
      }
    }
    const rights = policies.flatMap(rightsOf);
    this.#inventory(uses, rights);
    this.#roles(events);
    this.#review(rights);
    this.#identities(sessions, survey);
    this.#agents(sessions);
    this.#custody(sessions);
    for (const [id, start] of sessions) this.#canary.text('begins of sessions', id, JSON.stringify(start));
    for (const { leaf, log, fields } of events) this.#canary.text('events of the gateway', `${log} entry ${leaf.n}`, JSON.stringify(fields));
    this.#canary.finish(this.#e13);
  }

  /** Roles on the gateway itself, which its configuration gives. */
  #roles(events: Closing['events']): void {
    const table = this.#e02.table(
      'roles',
      ['role', 'issuer', 'group', 'subject', 'first', 'last'],
      'members of roles in the log entries gateway.roles with from <= time < to, with the first and the last of these that names them: a gateway tells its roles when it starts, when they change, and every day; what they did is in E05, E08 and E10',
    );
    const members = new Map<string, { readonly cells: readonly Cell[]; readonly first: string; last: string }>();
    let unnamed = 0;
    const told = events.filter(({ leaf }) => leaf.kind === 'gateway.roles');
    for (const { leaf, fields } of told) {
      unnamed = Math.max(unnamed, typeof fields['more'] === 'number' ? fields['more'] : 0);
      for (const [role, list] of [
        ['admin', fields['admins']],
        ['auditor', fields['auditors']],
      ] as const)
        for (const member of Array.isArray(list) ? (list as Readonly<Record<string, unknown>>[]) : []) {
          const cells = [role, cell(member['issuer']), cell(member['group']), cell(member['subject'])];
          const known = members.get(JSON.stringify(cells));
          if (known === undefined) members.set(JSON.stringify(cells), { cells, first: leaf.time, last: leaf.time });
          else known.last = leaf.time;
        }
    }
    for (const [, { cells, first, last }] of [...members].sort(([a], [b]) => (a < b ? -1 : 1))) table.add([...cells, first, last]);
    if (told.length === 0) this.#e02.gaps.push('who administers and who audits the gateway: no entry gateway.roles of the period is in the pack');
    if (unnamed > 0) this.#e02.gaps.push(`${unnamed} members of roles beyond those that an entry names`);
  }

  #inventory(uses: ReadonlyMap<string, Use>, rights: readonly Right[]): void {
    const access = this.#e02.table(
      'access',
      [
        'issuer',
        'subject',
        'name',
        'kind',
        'groups',
        'on_behalf_of',
        'on_behalf_verified',
        'target',
        'protocol',
        'policy',
        'rule',
        'sessions',
        'first',
        'last',
      ],
      'identities and targets of the sessions of E09, by groups, rule and policy: access that was used, and what gave it',
    );
    const known = new Set(rights.map(({ digest, id }) => `${digest} ${id}`));
    const untraced: string[] = [];
    for (const [, { start, sessions, first, last }] of [...uses].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { identity, target, protocol, decision } = start;
      const { issuer, subject, name, kind, groups, onBehalfOf } = identity;
      const who = [issuer, subject, name, kind, groups.join(' '), onBehalfOf?.subject ?? null, onBehalfOf?.verified ?? null];
      access.add([...who, target, protocol, decision.policy, decision.rule, sessions, instant(first), instant(last)]);
      if (decision.rule === null || !known.has(`${decision.policy} ${decision.rule}`))
        untraced.push(`${subject} on ${target} by ${decision.rule ?? 'no rule'}`);
    }
    const table = this.#e02.table(
      'rights',
      ['policy', 'rule', 'effect', 'subjects', 'targets', 'actions', 'resources', 'rest'],
      'the rules of the policies of E08/policies.csv: who may do what where, as written',
    );
    for (const { digest, id, rule } of rights) {
      const { id: _id, effect, subjects, targets, actions, resources, ...rest } = rule;
      table.add([digest, id, text(effect), text(subjects), text(targets), text(actions), text(resources), Object.keys(rest).length === 0 ? null : text(rest)]);
    }
    this.#e02.check('traced', 'each access that was used traces to a rule of a policy in the pack', untraced, access.rows);
  }

  #review(rights: readonly Right[]): void {
    const table = this.#e03.table(
      'usage',
      ['policy', 'rule', 'effect', 'uses', 'last_used', 'unused'],
      'the rules of E02/rights.csv that allow, with how often each decided a session or an operation in the period, and when last',
    );
    for (const { digest, id, rule } of rights) {
      if (rule['effect'] !== 'allow' && rule['effect'] !== 'require_approval') continue;
      const used = this.#decided.get(`${digest} ${id}`);
      table.add([digest, id, text(rule['effect']), used?.uses ?? 0, instant(used?.last ?? null), used === undefined]);
    }
    this.#e03.absence = 'gw does not record reviews of rights: the usage below is what a review needs, its reviewer and decisions are kept elsewhere.';
  }

  #identities(sessions: readonly (readonly [string, SessionStart])[], survey: Closing['survey']): void {
    const table = this.#e03.table(
      'identities',
      ['issuer', 'subject', 'name', 'kind', 'sessions', 'first_used', 'last_used', 'locked', 'unlocked', 'begun_while_locked', 'last_ended', 'lag_s'],
      'identities of the sessions of E09, and those that the pack has an entry subject.lock of; last_used: begin of the last session; locked, unlocked: by the last lock before "to" that the pack has; lag_s: from that lock to the end of the last session that had begun before it',
    );
    const rows = new Map<string, { issuer: string; subject: string; start: SessionStart | null; ids: string[] }>();
    for (const [id, start] of sessions) {
      const { issuer, subject } = start.identity;
      const row = rows.get(identityKey(issuer, subject)) ?? { issuer, subject, start, ids: [] };
      row.ids.push(id);
      rows.set(identityKey(issuer, subject), row);
    }
    if (this.#scope.session === null)
      for (const { issuer, subject } of this.#locks.all)
        if (!rows.has(identityKey(issuer, subject))) rows.set(identityKey(issuer, subject), { issuer, subject, start: null, ids: [] });
    const begun = new Map(sessions.map(([id, { startedAt }]) => [id, startedAt]));
    const used: string[] = [];
    let locks = 0;
    for (const [, { issuer, subject, start, ids }] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const own = this.#locks.of(issuer, subject);
      locks += own.length;
      const lock = own.at(-1);
      const times = ids.map((id) => begun.get(id) ?? 0).sort((a, b) => a - b);
      const late = ids.filter((id) => this.#locks.isLocked(issuer, subject, begun.get(id) ?? 0));
      used.push(...late.map((id) => `${id} of ${subject}`));
      const ends = ids.flatMap((id) => survey.sessions.get(id)?.end?.time ?? []).sort();
      const before = lock === undefined ? [] : ids.filter((id) => (begun.get(id) ?? 0) <= lock.from);
      const lags = before.flatMap((id) => survey.sessions.get(id)?.end?.time ?? []).map((time) => (Date.parse(time) - (lock?.from ?? 0)) / 1000);
      const lag = lags.length === 0 ? null : Math.max(0, ...lags);
      const who = [issuer, subject, start?.identity.name ?? null, start?.identity.kind ?? null];
      const locked = [instant(lock?.from ?? null), instant(lock?.until ?? null), late.length];
      table.add([...who, ids.length, instant(times[0] ?? null), instant(times.at(-1) ?? null), ...locked, ends.at(-1) ?? null, lag]);
    }
    this.#e03.check('locked', 'nobody began a session or had an operation carried out while they were locked', [...used, ...this.#afterLock], locks);
  }

  #agents(sessions: readonly (readonly [string, SessionStart])[]): void {
    const table = this.#e12.table(
      'agents',
      ['issuer', 'subject', 'name', 'kind', 'on_behalf_of', 'on_behalf_verified', 'target', 'client', 'sessions', 'operations', 'refused', 'first', 'last'],
      'sessions of E09 whose identity is an agent or a service, by identity, principal and target',
    );
    const rows = new Map<string, { start: SessionStart; ids: string[]; first: number; last: number }>();
    const ownerless: string[] = [];
    let agents = 0;
    for (const [id, start] of sessions) {
      const { identity, target, client, startedAt } = start;
      if (identity.kind === 'person') continue;
      if (identity.kind === 'agent') {
        agents++;
        if (identity.onBehalfOf === null) ownerless.push(id);
      }
      const key = JSON.stringify([identity.issuer, identity.subject, identity.onBehalfOf, target, client]);
      const row = rows.get(key) ?? { start, ids: [], first: startedAt, last: startedAt };
      row.ids.push(id);
      row.first = Math.min(row.first, startedAt);
      row.last = Math.max(row.last, startedAt);
      rows.set(key, row);
    }
    for (const [, { start, ids, first, last }] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { identity, target, client } = start;
      const who = [
        identity.issuer,
        identity.subject,
        identity.name,
        identity.kind,
        identity.onBehalfOf?.subject ?? null,
        identity.onBehalfOf?.verified ?? null,
      ];
      const sum = (tally: Tally): number => ids.reduce((all, id) => all + tally.get(id), 0);
      table.add([...who, target, client, ids.length, sum(this.#operations), sum(this.#refused), instant(first), instant(last)]);
    }
    this.#e12.check('owned', 'each session of an agent names the person that it acts for', ownerless, agents);
  }

  #custody(sessions: readonly (readonly [string, SessionStart])[]): void {
    const table = this.#e13.table(
      'targets',
      ['target', 'protocol', 'sessions', 'identities', 'statements_with_secrets_redacted'],
      'targets of the sessions of E09: each was reached with a credential that the gateway holds and the identity does not have',
    );
    const targets = new Map<string, { protocol: string; sessions: number; who: Set<string> }>();
    for (const [, { target, protocol, identity }] of sessions) {
      const row = targets.get(target) ?? { protocol, sessions: 0, who: new Set<string>() };
      row.sessions++;
      row.who.add(`${identity.issuer} ${identity.subject}`);
      targets.set(target, row);
    }
    for (const [target, { protocol, sessions: count, who }] of [...targets].sort(([a], [b]) => (a < b ? -1 : 1)))
      table.add([target, protocol, count, who.size, this.#redacted.get(target)]);
    this.#e13.absence =
      'gw does not record the age, the rotation and the readers of the credentials that it holds: only which targets were reached through it.';
  }

  #use(policy: string, rule: string, time: number): void {
    const key = `${policy} ${rule}`;
    const known = this.#decided.get(key);
    if (known === undefined) this.#decided.set(key, { uses: 1, last: time });
    else {
      known.uses++;
      known.last = Math.max(known.last, time);
    }
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null));

/** The rules in the canonical form of a policy, by the names that decisions give them. */
function rightsOf({ digest, canonical }: PackPolicy): Right[] {
  const { files } = JSON.parse(canonical) as { files?: unknown };
  if (!Array.isArray(files)) return [];
  return files.flatMap((file: unknown) => {
    const { stem, policy } = file as { stem?: unknown; policy?: { rules?: unknown } };
    const rules = Array.isArray(policy?.rules) ? policy.rules : [];
    return rules.map((rule: unknown) => {
      const fields = rule as Record<string, unknown>;
      return { digest, id: `${String(stem)}/${String(fields['id'])}`, rule: fields };
    });
  });
}
