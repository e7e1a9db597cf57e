/** E05 (approvals and just-in-time access) and E15 (break-glass): the register, each step of it, and what separation of duties asks of them. */
import { hash } from 'node:crypto';
import { latencyOf, type RegisteredApproval, registerApprovals, stateOf, stepsOf } from '../approval-register.js';
import type { StoryOperation } from '../journal-story.js';
import { instant, type PackScope } from '../pack-scope.js';
import type { PackWriter } from '../pack-writer.js';
import { Draw } from '../sampling.js';
import { Section } from './section.js';
import type { Closing, SectionMaker } from './section-maker.js';

const TEXT_CHARS = 1_000;

export class ApprovalSections implements SectionMaker {
  readonly sections: readonly Section[];
  readonly draw: Draw;
  readonly #e05: Section;
  readonly #e15: Section;
  /** Operations by the request that they waited for. */
  readonly #operations = new Map<string, { readonly item: string; readonly sha256: string; readonly text: string; readonly ran: boolean }[]>();

  constructor(writer: PackWriter, scope: PackScope, seed: string) {
    this.#e05 = new Section('E05', writer);
    this.#e15 = new Section('E15', writer);
    this.sections = [this.#e05, this.#e15];
    this.draw = new Draw('E05 approvals', 'requests for approval with an entry in the period', seed, scope.sample);
  }

  operation({ session, operation, approval }: StoryOperation): void {
    if (approval === null) return;
    const known = this.#operations.get(approval.request) ?? [];
    known.push({
      item: `${session.id}#${operation.sequence}`,
      sha256: hash('sha256', operation.exact, 'hex'),
      text: operation.exact.toString('utf8', 0, Math.min(operation.exact.length, TEXT_CHARS)),
      ran: (approval.answer === 'used' || approval.answer === 'grant') && operation.outcome !== null && operation.outcome.status !== 'refused',
    });
    this.#operations.set(approval.request, known);
  }

  finish({ events, claimed }: Closing): void {
    const approvals = registerApprovals(events);
    const register = this.#e05.table(
      'approvals',
      [
        'approval',
        'kind',
        'asked',
        'requester_issuer',
        'requester_subject',
        'requester_name',
        'target',
        'reason',
        'ticket',
        'policy',
        'rule',
        'digest',
        'state',
        'approvers',
        'decided',
        'latency_s',
        'grant_s',
        'uses',
        'revoked',
        'sessions',
        'operations',
        'statement_sha256',
        'statement',
      ],
      'all requests for approval with a log entry approval.* or grant.* with from <= time < to; operations: those that waited for it or used it, out of the journals',
    );
    const steps = this.#e05.table(
      'steps',
      ['time', 'approval', 'step', 'refused', 'issuer', 'subject', 'name', 'amr', 'acr', 'comment', 'session', 'digest', 'log', 'log_index'],
      'log entries approval.* and grant.* with from <= time < to, in the order of time; refused: the code of the entry api.denied with the same request, of a step that was not taken',
    );
    for (const event of events) if (/^(approval|grant)\./.test(event.leaf.kind)) claimed.add(event.leaf.kind);
    const all = approvals.flatMap((each) => each.steps.map((step) => ({ ...step, approval: each.approval })));
    all.sort((a, b) => a.time - b.time || (a.log < b.log ? -1 : a.log > b.log ? 1 : a.index - b.index));
    for (const { time, approval, kind, refused, issuer, subject, name, amr, acr, comment, session, digest, log, index } of all)
      steps.add([instant(time), approval, kind, refused, issuer, subject, name, amr, acr, comment, session, digest, log, index]);
    for (const each of approvals) {
      const approvers = stepsOf(each, 'approval.approve');
      const operations = this.#operations.get(each.approval) ?? [];
      const latency = latencyOf(each);
      register.add([
        each.approval,
        each.kind,
        instant(each.steps[0]?.time ?? null),
        each.requesterIssuer,
        each.requesterSubject,
        each.requesterName,
        each.target,
        each.reason,
        each.ticket,
        each.policy,
        each.rule,
        each.steps[0]?.digest ?? null,
        stateOf(each),
        approvers.map(({ name, subject }) => name ?? subject ?? '?').join(' '),
        instant(stepsOf(each, 'approval.approve', 'approval.deny').at(-1)?.time ?? null),
        latency === null ? null : latency / 1000,
        each.grantSeconds,
        stepsOf(each, 'approval.use', 'grant.use').length,
        instant(stepsOf(each, 'grant.revoke')[0]?.time ?? null),
        each.sessions.join(' '),
        operations.map(({ item }) => item).join(' '),
        operations[0]?.sha256 ?? null,
        operations[0]?.text ?? null,
      ]);
      this.draw.offer(each.approval, 'E05/approvals.csv');
    }
    this.#check(approvals);
    this.#breakGlass(approvals);
  }

  #check(approvals: readonly RegisteredApproval[]): void {
    const own: string[] = [];
    const other: string[] = [];
    const unused: string[] = [];
    let votes = 0;
    let uses = 0;
    for (const each of approvals) {
      for (const { issuer, subject } of stepsOf(each, 'approval.approve')) {
        votes++;
        if (issuer === each.requesterIssuer && subject === each.requesterSubject) own.push(each.approval);
      }
      const approved = stepsOf(each, 'approval.approve');
      for (const use of stepsOf(each, 'approval.use', 'grant.use')) {
        uses++;
        if (approved.some(({ digest }) => digest !== use.digest)) other.push(each.approval);
        if (approved.some(({ time }) => time > use.time)) other.push(each.approval);
      }
      const used = new Set(stepsOf(each, 'approval.use', 'grant.use').map(({ session }) => session));
      for (const { item, ran } of this.#operations.get(each.approval) ?? []) {
        if (ran && each.kind !== 'break_glass' && !used.has(item.slice(0, item.indexOf('#')))) unused.push(`${item} ran by ${each.approval}`);
      }
    }
    this.#e05.check('separation', 'nobody approved what they asked for', own, votes);
    this.#e05.check('same', 'what was used is what was approved (digest), and not before it was approved', other, uses);
    this.#e05.check('spent', 'each operation that ran by an approval has the entry in the log that it was used', unused, uses);
  }

  #breakGlass(approvals: readonly RegisteredApproval[]): void {
    const table = this.#e15.table(
      'break_glass',
      [
        'approval',
        'at',
        'issuer',
        'subject',
        'name',
        'target',
        'reason',
        'ticket',
        'sessions',
        'reviewed',
        'reviewer_issuer',
        'reviewer_subject',
        'reviewer_name',
        'review',
      ],
      'requests of E05 of the kind break_glass, with their review',
    );
    const open: string[] = [];
    for (const each of approvals.filter(({ kind }) => kind === 'break_glass')) {
      const [review] = stepsOf(each, 'approval.review');
      const who = [each.requesterIssuer, each.requesterSubject, each.requesterName];
      const by = [instant(review?.time ?? null), review?.issuer ?? null, review?.subject ?? null, review?.name ?? null, review?.comment ?? null];
      table.add([each.approval, instant(each.steps[0]?.time ?? null), ...who, each.target, each.reason, each.ticket, each.sessions.join(' '), ...by]);
      const self = review?.issuer === each.requesterIssuer && review?.subject === each.requesterSubject;
      if (review === undefined || self) open.push(each.approval);
    }
    this.#e15.check('reviewed', 'each use of break-glass access was reviewed by another person in the period', open, table.rows);
  }
}
