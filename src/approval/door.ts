/**
 * The path's side: a session asks, is held, and gets an answer. Only `used` and `grant` let anything go on. An approval is spent in the
 * store before its operation goes up, so that it cannot be used twice, whatever dies in between; who finds it spent is refused.
 * A wait holds a timer and a listener, nothing else: no connection, no queue, no buffer of another session.
 */
import type { AbandonReason, ApprovalAnswer, ApprovalDoor, ApprovalEvents, ApprovalQuestion, ApprovalRecord } from '../contract/approval.js';
import { approvalAuditData } from '../contract/approval-audit.js';
import { GwError } from '../contract/gw-error.js';
import { subjectsOf } from '../contract/identity.js';
import type { Changes } from './changes.js';
import { startRecord } from './describe.js';
import { addressesOf, type DeskServices, requireRoom } from './desk-services.js';
import { asksForThis, grantCovers, questionDigest } from './grants.js';
import { attach, cancel, expire, isAccepted, isGrant, revoke, type Step, use } from './machine.js';
import { isSamePerson } from './people.js';
import { refusalOf, waitingOf } from './refusal.js';

/** Newest uses of break-glass of one target that are looked at before the next one. */
const GLASS_LIMIT = 1_000;

/** A timer of Node holds 2³¹ − 1 ms at most. */
const LONGEST_TIMER = 2_147_483_647;

export class Door implements ApprovalDoor {
  readonly #services: DeskServices;
  readonly #changes: Changes;

  constructor(services: DeskServices, changes: Changes) {
    this.#services = services;
    this.#changes = changes;
  }

  async current(ids: readonly string[]): Promise<readonly ApprovalRecord[]> {
    return ids.length === 0 ? [] : this.#services.store.list({ ids, limit: ids.length });
  }

  async ask(question: ApprovalQuestion, events: ApprovalEvents, signal: AbortSignal): Promise<ApprovalAnswer> {
    const grant = await this.#liveGrant(question);
    if (grant !== null) return { kind: 'grant', record: grant };
    const own = await this.#ownRequests(question);
    for (const record of own.filter(({ state }) => state === 'approved')) {
      const answer = await this.#spend(record, question);
      if (answer.kind === 'used') return answer;
    }
    if (question.breakGlass && question.demand.breakGlassMs !== null && question.identity.kind === 'person') {
      return { kind: 'grant', record: await this.#breakGlass(question, question.demand.breakGlassMs) };
    }
    const record = await this.#hold(question, own);
    events.held(record);
    this.#describe(record, question);
    if (question.waitMs === 0) return waiting(record);
    return this.#wait(record, question, events, signal);
  }

  async #liveGrant(question: ApprovalQuestion): Promise<ApprovalRecord | null> {
    const { store, clock, audit } = this.#services;
    const now = clock.now();
    const { issuer, subject } = question.identity;
    const grants = await store.list({
      requester: { issuer, subject },
      target: question.target.name,
      kinds: ['access', 'break_glass'],
      states: ['approved'],
      activeAfter: now,
      limit: 100,
    });
    for (const grant of grants) {
      if (!grantCovers(grant, question, now) || !(await this.#votersStand(grant))) continue;
      await audit.record('grant.use', { ...approvalAuditData(grant), session: question.session });
      return grant;
    }
    return null;
  }

  /** Requests of this requester, in any session, that ask for exactly this. */
  async #ownRequests(question: ApprovalQuestion): Promise<ApprovalRecord[]> {
    const now = this.#services.clock.now();
    const found = await this.#services.store.list({ digest: questionDigest(question, question.kind, null), states: ['pending', 'approved'], limit: 100 });
    return found.filter((record) => asksForThis(record, question) && now < record.expiresAt);
  }

  /** Nobody who was locked since then counts as somebody who approved. */
  async #votersStand(record: ApprovalRecord): Promise<boolean> {
    for (const { by } of record.votes) if (await this.#services.isLocked(by.issuer, by.subject)) return false;
    return true;
  }

  /** While people thought, whoever asked (or whom that one acts for) may have been locked: then nothing is spent. @throws GwError `login.locked` */
  async #requesterStands({ identity }: ApprovalQuestion): Promise<void> {
    for (const { issuer, subject } of subjectsOf(identity))
      if (await this.#services.isLocked(issuer, subject))
        throw new GwError('login.locked', 'This identity, or the one on whose behalf it acts, was locked while it waited for approval.');
  }

  async #spend(record: ApprovalRecord, question: ApprovalQuestion): Promise<ApprovalAnswer> {
    const { audit, clock } = this.#services;
    const at = (): number => clock.now();
    await this.#requesterStands(question);
    if (!(await this.#votersStand(record))) {
      const why = 'somebody who approved it was locked since';
      await audit.record('approval.cancel', approvalAuditData(record, why));
      const revoked = await this.#try(record, (now) => revoke(now, { by: null, at: at(), why }));
      return refused(revoked);
    }
    await audit.record('approval.use', { ...approvalAuditData(record), session: question.session });
    const { session, sequence, policy } = question;
    let spent = false;
    const after = await this.#try(record, (now) => {
      // What is about to go up, digested again, against what was approved.
      const step = use(now, { digest: questionDigest(question, now.kind, null), policy, session: session ?? '', sequence, at: at() });
      spent = step.ok;
      return step;
    });
    return spent && after.state === 'used' ? { kind: 'used', record: after } : refused(after);
  }

  /** A change that somebody else may have been faster with: then the record as it is now. */
  async #try(record: ApprovalRecord, step: (record: ApprovalRecord) => Step): Promise<ApprovalRecord> {
    try {
      return await this.#changes.apply(record.id, step);
    } catch (thrown) {
      const error = GwError.from(thrown);
      if (!error.code.startsWith('approval.')) throw error;
      return this.#changes.get(record.id);
    }
  }

  async #hold(question: ApprovalQuestion, own: readonly ApprovalRecord[]): Promise<ApprovalRecord> {
    const { store, audit, clock } = this.#services;
    const waiter = question.waitMs === 0 ? null : question.session;
    for (const record of own.filter(({ state }) => state === 'pending')) {
      // Asked before by a session that did not wait, or that is gone: it is the same request still.
      if (record.waiter !== null && (await store.waiterLives(record.waiter))) continue;
      const attached = await this.#try(record, (now) => (now.waiter === record.waiter ? attach(now, waiter, question.session) : { ok: false, error: taken() }));
      if (attached.state === 'pending' && attached.waiter === waiter) return attached;
    }
    await requireRoom(question.identity, store);
    const record = startRecord(question, { grantMs: null, waiter, now: clock.now(), ...(await addressesOf(question.identity, this.#services)) });
    await audit.record('approval.hold', approvalAuditData(record));
    await this.#changes.insert(record);
    return record;
  }

  async #breakGlass(question: ApprovalQuestion, grantMs: number): Promise<ApprovalRecord> {
    const { audit, clock, logger } = this.#services;
    if (question.reason === null || question.reason.trim() === '') {
      throw new GwError('approval.not_offered', 'Breaking the glass needs a reason.', { hint: 'Connect with `--break-glass --reason TEXT`.' });
    }
    const now = clock.now();
    const addresses = await addressesOf(question.identity, this.#services);
    await this.#requireAccepted(question, addresses.requesterEmail);
    const pending = startRecord({ ...question, kind: 'break_glass' }, { grantMs, waiter: null, now, ...addresses });
    const record: ApprovalRecord = { ...pending, state: 'approved', activeUntil: now + grantMs };
    await audit.record('approval.break_glass', approvalAuditData(record));
    await this.#changes.insert(record);
    logger.warn(
      { request: record.id, subject: record.requester.subject, target: record.target, session: record.session, until: new Date(now + grantMs).toISOString() },
      'BREAK-GLASS ACCESS was opened; it waits for review',
    );
    return record;
  }

  /**
   * Who broke the glass of a target breaks it again only when others looked at each time before and accepted it: or a review would be a
   * formality, and its refusal would be answered by opening the next one. One person with two logins is one person.
   * @throws GwError `approval.not_offered`
   */
  async #requireAccepted({ identity, target }: ApprovalQuestion, email: string | null): Promise<void> {
    const { issuer, subject } = identity;
    const before = await this.#services.store.list({ kinds: ['break_glass'], target: target.name, limit: GLASS_LIMIT });
    const open = before.find((record) => !isAccepted(record) && isSamePerson(record.requester, { issuer, subject, email }));
    if (open === undefined) return;
    const how = open.review === null ? 'has not been reviewed' : `was not accepted by ${open.review.by.name}`;
    throw new GwError('approval.not_offered', `The glass is not broken again: ${open.id} ${how}.`, {
      detail: { request: open.id },
      hint: `Connect without \`--break-glass\` and ask, or let somebody of ${open.demand.groups.join(' or ')} accept it: \`gw approve ${open.id}\`.`,
    });
  }

  /** What only the target can say comes later; people look at it a moment after they were asked anyway. */
  #describe(record: ApprovalRecord, question: ApprovalQuestion): void {
    if (question.operation === null || record.estimate !== null) return;
    const { logger } = this.#services;
    question.operation
      .estimate()
      .then((estimate) =>
        estimate === null
          ? undefined
          : this.#try(record, (now) =>
              now.state === 'pending' ? { ok: true, record: { ...now, estimate, version: now.version + 1 } } : { ok: false, error: taken() },
            ),
      )
      .catch((err: unknown) => logger.warn({ err, request: record.id }, 'the effect of a held operation could not be estimated'));
  }

  #wait(first: ApprovalRecord, question: ApprovalQuestion, events: ApprovalEvents, signal: AbortSignal): Promise<ApprovalAnswer> {
    const { clock } = this.#services;
    return new Promise((resolve, reject) => {
      const timers: NodeJS.Timeout[] = [];
      let settled = false;
      let seen = first.version;
      const settle = (answer: () => Promise<ApprovalAnswer>): void => {
        if (settled) return;
        settled = true;
        for (const timer of timers) clearTimeout(timer);
        unwatch();
        signal.removeEventListener('abort', abandoned);
        answer().then(resolve, reject);
      };
      const look = (record: ApprovalRecord): void => {
        if (record.version <= seen || settled) return;
        seen = record.version;
        if (record.state === 'approved') settle(() => this.#spend(record, question));
        else if (record.state !== 'pending') settle(() => Promise.resolve(refused(record)));
        else events.progress(record);
      };
      const abandoned = (): void => settle(() => this.#abandon(first, signal.reason as AbandonReason));
      const unwatch = this.#changes.watch(first.id, look);
      const later = (ms: number, act: () => Promise<ApprovalAnswer>): void => {
        timers.push(setTimeout(() => settle(act), Math.min(Math.max(0, ms), LONGEST_TIMER)));
      };
      later(first.expiresAt - clock.now() + 1, () => this.#ranOut(first));
      if (question.waitMs !== null) later(question.waitMs, () => this.#detach(first));
      if (signal.aborted) abandoned();
      else signal.addEventListener('abort', abandoned, { once: true });
      // Between the request and the first look somebody may have been faster.
      this.#changes.get(first.id).then(look, (thrown: unknown) => settle(() => Promise.reject(GwError.from(thrown))));
    });
  }

  async #ranOut(first: ApprovalRecord): Promise<ApprovalAnswer> {
    const now = await this.#changes.get(first.id);
    if (now.state !== 'pending') return refused(now);
    await this.#services.audit.record('approval.expire', approvalAuditData(now));
    return refused(await this.#try(now, (record) => expire(record, this.#services.clock.now())));
  }

  /** The session does not wait any longer; the request goes on. */
  async #detach(first: ApprovalRecord): Promise<ApprovalAnswer> {
    const record = await this.#try(first, (now) => attach(now, null));
    return record.state === 'pending' || record.state === 'approved' ? waiting(record) : refused(record);
  }

  async #abandon(first: ApprovalRecord, reason: AbandonReason): Promise<ApprovalAnswer> {
    if (reason.kind === 'detached') return this.#detach(first);
    const { audit, clock } = this.#services;
    await audit.record('approval.cancel', approvalAuditData(first, reason.why));
    const end = { by: null, at: clock.now(), why: reason.why };
    const record = await this.#try(first, (now) => (now.state === 'approved' && !isGrant(now) ? revoke(now, end) : cancel(now, end)));
    return refused(record);
  }
}

const taken = (): GwError => new GwError('approval.decided', 'The request was changed by somebody else.');

const refused = (record: ApprovalRecord): ApprovalAnswer => ({ kind: 'refused', record, error: refusalOf(record) });
const waiting = (record: ApprovalRecord): ApprovalAnswer => ({ kind: 'waiting', record, error: waitingOf(record) });
