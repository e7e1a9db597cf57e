/** What happens in the small gateway of the pack tests: people, an agent, approvals, break-glass; all as it should be, or one thing otherwise. */
import type { Decision } from '../../src/contract/decision.js';
import type { MaskedAs } from '../../src/contract/masking-policy.js';
import { ALLOW, ASKED, approvalOf, by, DENY, ISSUER, MINUTE, operate, type PackProcess, type PackWorld, type Tamper } from './pack-world.js';

export const MASKED: MaskedAs = { class: 'ssn', treatment: 'mask', rule: 'base/mask' };
const CLEAR: MaskedAs = { class: 'pan', treatment: 'clear', rule: 'base/clear' };
export const CARD = '4111111111111111';
export const ok = { status: 'ok', rows: 1, bytes: 5, durationUs: 85, message: 'SELECT 1' } as const;

/** What is done otherwise than in a history in which all is right. */
export interface Wrong {
  readonly denied?: Parameters<typeof operate>[4];
  /** What is denied is a statement of several entries: it is told when its outcome comes. */
  readonly long?: boolean;
  readonly answered?: boolean;
  readonly approver?: string;
  readonly usedDigest?: string;
  readonly usedBeforeApproval?: boolean;
  readonly unused?: boolean;
  readonly result?: string;
  readonly agentOf?: null;
  readonly reviewer?: string | null;
  readonly tamper?: Tamper;
  readonly decision?: Decision;
  readonly statement?: string;
  readonly reason?: string;
  readonly more?: (process: PackProcess, world: PackWorld) => Promise<void>;
}

export async function history(world: PackWorld, wrong: Wrong): Promise<void> {
  const work = async (process: PackProcess): Promise<void> => {
    const { session, audit } = process;
    const tell = async (kind: Parameters<typeof audit.record>[0], data: Record<string, unknown>): Promise<void> => {
      await audit.record(kind, data as Parameters<typeof audit.record>[1]);
      world.pass(1_000);
    };
    await session(
      'ses_alice',
      async (recorder) => {
        operate(recorder, 1, wrong.statement ?? 'select ssn from customers', wrong.decision ?? ALLOW, ok, {
          result: wrong.result ?? 'masked',
          masked: new Map([[MASKED, 2]]),
        });
        const drop = wrong.long === true ? `drop table customers -- ${'x'.repeat(1_100_000)}` : 'drop table customers';
        operate(recorder, 2, drop, DENY, wrong.denied ?? null);
        const request = approvalOf('apr_1', { session: 'ses_alice' });
        const use = async (): Promise<void> => (wrong.unused === true ? undefined : tell('approval.use', { ...request, digest: wrong.usedDigest ?? 'd1' }));
        await tell('approval.hold', request);
        if (wrong.usedBeforeApproval === true) await use();
        await tell('approval.approve', { ...request, ...by(wrong.approver ?? 'rita') });
        if (wrong.usedBeforeApproval !== true) await use();
        operate(recorder, 3, 'delete from customers', ASKED, ok, {
          during: () => {
            recorder.event('approval.hold', { operation: 3, request: 'apr_1' });
            if (wrong.answered !== false) recorder.event('approval.answer', { operation: 3, request: 'apr_1', answer: 'used' });
          },
        });
      },
      { operations: 3, refused: 1, start: { reason: wrong.reason ?? 'month end' } },
    );
    await session('ses_fay', (recorder) => operate(recorder, 1, 'select card', ALLOW, ok, { result: CARD, masked: new Map([[CLEAR, 1]]) }), { operations: 1 });
    const onBehalfOf = wrong.agentOf === null ? null : { issuer: ISSUER, subject: 'ann', verified: true };
    const identity = { issuer: ISSUER, subject: 'robot', kind: 'agent', name: 'robot', email: null, groups: [], onBehalfOf };
    await session('ses_robot', () => undefined, { start: { identity } });
    const glass = approvalOf('apr_2', { approvalKind: 'break_glass', session: 'ses_fay' });
    await tell('approval.break_glass', glass);
    if (wrong.reviewer !== null) await tell('approval.review', { ...glass, ...by(wrong.reviewer ?? 'rita'), accepted: true, comment: 'seen' });
    await tell('subject.lock', { ...by('root'), issuer: ISSUER, subject: 'mallory', reason: 'left' });
    await wrong.more?.(process, world);
  };
  await world.run('wrk_a', work, wrong.tamper);
  world.pass(MINUTE);
}
