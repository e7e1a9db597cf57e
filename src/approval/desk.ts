/**
 * The people's side: ask ahead of time, approve, deny, take back, revoke, review. Who may is decided by the state machine on the record
 * as it is at that moment; this file finds the record and puts the step in. Its callers write the audit event before they call.
 */
import type { ApprovalFilter, ApprovalQuestion, ApprovalRecord } from '../contract/approval.js';
import { approvalAuditData } from '../contract/approval-audit.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import { Changes } from './changes.js';
import { partyOf, startRecord } from './describe.js';
import { addressesOf, addressOf, type DeskServices, requireRoom } from './desk-services.js';
import { Door } from './door.js';
import { approve, cancel, type Decider, deny, isAccepted, isGrant, review, revoke } from './machine.js';
import { isRequester, isSamePerson, stillNeeded } from './people.js';

/** Whoever decides. `groups`: those of an issuer that is believed about the groups of people. */
export interface Reviewer {
  readonly identity: Identity;
  readonly groups: readonly string[];
}

export class ApprovalDesk {
  readonly door: Door;
  readonly #services: DeskServices;
  readonly #changes: Changes;

  constructor(services: DeskServices) {
    this.#services = services;
    this.#changes = new Changes({
      store: services.store,
      bus: services.bus,
      clock: services.clock,
      logger: services.logger,
      onChange: (before, after) => services.notify(before, after),
      beforeExpiry: (record) => services.audit.record('approval.expire', approvalAuditData(record)),
    });
    this.door = new Door(services, this.#changes);
  }

  close(): void {
    this.#changes.close();
  }

  /** @throws GwError `approval.unknown` */
  find(id: string): Promise<ApprovalRecord> {
    return this.#changes.get(id);
  }

  list(filter: ApprovalFilter): Promise<ApprovalRecord[]> {
    return this.#services.store.list(filter);
  }

  /** Who is still missing before it is approved. */
  missing(record: ApprovalRecord): ReturnType<typeof stillNeeded> {
    return record.state === 'pending' ? stillNeeded(record, record.demand.approvers) : [];
  }

  /** Whether this one could decide on it now (or, of break-glass access, review it). */
  decidable(record: ApprovalRecord, { identity, groups }: Reviewer): boolean {
    const open = record.kind === 'break_glass' ? !isAccepted(record) : record.state === 'pending' && this.#services.clock.now() < record.expiresAt;
    const voted = record.votes.some(({ by }) => isSamePerson(by, identity));
    return open && !voted && identity.kind === 'person' && !isRequester(record, identity) && groups.some((group) => record.demand.groups.includes(group));
  }

  /** Resolves when any request may have changed, or after `ms`. */
  anyChange(ms: number): Promise<void> {
    return this.#changes.anyChange(ms);
  }

  /** The record of a request made ahead of time, not stored yet: the caller writes the audit event about it first. */
  async draft(question: ApprovalQuestion, grantMs: number | null): Promise<ApprovalRecord> {
    const { store, clock } = this.#services;
    await requireRoom(question.identity, store);
    const addresses = await addressesOf(question.identity, this.#services);
    return startRecord(question, { grantMs, waiter: null, now: clock.now(), ...addresses });
  }

  async submit(record: ApprovalRecord): Promise<ApprovalRecord> {
    await this.#changes.insert(record);
    return record;
  }

  /** Of break-glass access: the review that accepts it. @throws GwError `approval.*` */
  async approve(
    id: string,
    reviewer: Reviewer,
    given: { readonly digest: string; readonly confirm: string | null; readonly reason: string | null },
  ): Promise<ApprovalRecord> {
    const { digest, confirm, reason } = given;
    const email = await addressOf(reviewer.identity, this.#services);
    return this.#changes.apply(id, (record) => {
      const decider = this.#decider(reviewer, email, reason);
      if (record.kind === 'break_glass') return review(record, { ...decider, accepted: true });
      return approve(record, { ...decider, digest, confirm, policy: this.#services.policy() });
    });
  }

  /** Of break-glass access: the review that does not accept it, which ends what is left of it. @throws GwError `approval.*` */
  async deny(id: string, reviewer: Reviewer, reason: string): Promise<ApprovalRecord> {
    const email = await addressOf(reviewer.identity, this.#services);
    return this.#changes.apply(id, (record) => {
      const decider = this.#decider(reviewer, email, reason);
      return record.kind === 'break_glass' ? review(record, { ...decider, accepted: false }) : deny(record, decider);
    });
  }

  /** By the requester. An approval that was given and not used goes, too. @throws GwError `approval.*` */
  cancel(id: string, identity: Identity, reason: string): Promise<ApprovalRecord> {
    return this.#changes.apply(id, (record) => {
      const end = { by: partyOf(identity), at: this.#services.clock.now(), why: reason === '' ? 'taken back by its requester' : reason };
      if (!isRequester(record, identity)) {
        const hint = `Ask them to take it back; if you may decide on it, \`gw deny ${record.id}\` ends it.`;
        return { ok: false, error: new GwError('approval.not_yours', 'A request is taken back by its requester.', { hint }) };
      }
      return record.state === 'approved' ? revoke(record, end) : cancel(record, end);
    });
  }

  /** By its holder, by whoever may approve such a grant, or (`asAdmin`) by an administrator. @throws GwError `approval.*` */
  revoke(id: string, reviewer: Reviewer, reason: string, asAdmin: boolean): Promise<ApprovalRecord> {
    const { identity, groups } = reviewer;
    return this.#changes.apply(id, (record) => {
      const may = asAdmin || isRequester(record, identity) || (identity.kind === 'person' && groups.some((group) => record.demand.groups.includes(group)));
      if (!may)
        return {
          ok: false,
          error: new GwError('approval.not_yours', 'A grant is revoked by its holder, by those who may approve it, or by an administrator.'),
        };
      if (!isGrant(record))
        return { ok: false, error: new GwError('approval.decided', 'This is not a grant; a request is taken back with `gw request cancel`.') };
      return revoke(record, { by: partyOf(identity), at: this.#services.clock.now(), why: reason });
    });
  }

  #decider({ identity, groups }: Reviewer, email: string | null, reason: string | null): Decider {
    return { by: { ...partyOf(identity), email }, groups, at: this.#services.clock.now(), reason };
  }
}
