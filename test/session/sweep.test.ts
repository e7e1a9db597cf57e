/** The look at the grants that live sessions rest on. */
import { expect, it } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import { type LiveSession, LiveSessions } from '../../src/session/live-sessions.js';
import type { PathServices } from '../../src/session/path-services.js';
import { Sweep } from '../../src/session/sweep.js';
import { record } from '../approval/fixture.js';

function fakeSession(...ids: string[]): { session: LiveSession; grants: Map<string, ApprovalRecord>; ended: string[] } {
  const ended: string[] = [];
  const grants = new Map(ids.map((id) => [id, record({ id })]));
  const guard = { grants, revoke: () => undefined };
  const pump = { terminate: (reason: string) => void ended.push(reason) };
  return { session: { guard, pump } as unknown as LiveSession, grants, ended };
}

it('ends sessions whose grants do not stand, and none for a grant that it got while the store was asked', async () => {
  const standing = fakeSession('apr_1');
  const revoked = fakeSession('apr_1', 'apr_2');
  const approvals = {
    current: (ids: readonly string[]) => {
      standing.grants.set('apr_3', record({ id: 'apr_3' }));
      return Promise.resolve(ids.map((id) => record({ id, state: id === 'apr_2' ? 'revoked' : 'approved' })));
    },
  };
  const sweep = new Sweep(new LiveSessions(), { approvals } as unknown as PathServices);
  await sweep.lookAtGrants([standing.session, revoked.session]);
  sweep.stop();
  expect(standing.ended).toEqual([]);
  expect(revoked.ended).toEqual(['revoked']);
});
