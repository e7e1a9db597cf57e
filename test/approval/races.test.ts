/** What happens at once, too late or twice: two gateways over one real state database. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApprovalRecord } from '../../src/contract/approval.js';
import { GwError } from '../../src/contract/gw-error.js';
import { sessionStart } from '../store/session-fixture.js';
import { eventually } from '../store/state-server.js';
import { approveAs, ask, type DeskWorld, reviewer, startDeskWorld } from './desk-world.js';
import { demand, identity, question } from './fixture.js';

let world: DeskWorld;
let count = 0;

beforeAll(async () => {
  world = await startDeskWorld(2);
});
afterAll(async () => {
  await world?.close();
});

/** A statement of its own for each test. */
const fresh = (change: Parameters<typeof question>[1] = {}) =>
  question(`delete from ledger.entries where id = ${++count}`, { session: `ses_${count}`, ...change });
const [one, two] = [() => world.desks[0], () => world.desks[1]].map((get) => () => {
  const desk = get();
  if (desk === undefined) throw new Error('no desk');
  return desk;
}) as [() => NonNullable<DeskWorld['desks'][number]>, () => NonNullable<DeskWorld['desks'][number]>];
const stored = async (record: ApprovalRecord): Promise<ApprovalRecord> => one().find(record.id);

describe('an operation that asks', () => {
  it('waits, and goes on when somebody approves on another gateway; the approval is spent', async () => {
    const asked = ask(one(), fresh());
    const held = await asked.held;
    expect(held).toMatchObject({ state: 'pending', requester: { name: 'alice' }, waiter: held.session });
    await approveAs(two(), held, 'bob');
    expect(await asked.answer).toMatchObject({ kind: 'used', record: { id: held.id, state: 'used', used: { session: held.session } } });
    const kinds = world.audit.filter(({ approval }) => approval === held.id).map(({ kind }) => kind);
    expect(kinds).toEqual(['approval.hold', 'approval.use']);
  });

  it('goes on after the second of two people, and tells about the first', async () => {
    const asked = ask(one(), fresh({ demand: demand({ quorum: 2, approvers: [{ rule: 'r', groups: ['dba'], quorum: 2 }] }) }));
    const held = await asked.held;
    await approveAs(two(), held, 'bob');
    await eventually('the session heard of the first vote', () => asked.progress.length > 0);
    await approveAs(one(), held, 'carol');
    expect(await asked.answer).toMatchObject({ kind: 'used', record: { votes: [{ by: { name: 'bob' } }, { by: { name: 'carol' } }] } });
  });

  it('two approvers at once: both votes count, and the operation goes on once', async () => {
    for (let round = 0; round < 10; round++) {
      const asked = ask(one(), fresh({ demand: demand({ quorum: 2, approvers: [{ rule: 'r', groups: ['dba'], quorum: 2 }] }) }));
      const held = await asked.held;
      await Promise.all([approveAs(one(), held, 'bob'), approveAs(two(), held, 'carol')]);
      expect(await asked.answer).toMatchObject({ kind: 'used', record: { votes: { length: 2 } } });
    }
  });

  it('an approval and a denial at once: one of them counts, and the session gets that one', async () => {
    for (let round = 0; round < 10; round++) {
      const asked = ask(one(), fresh());
      const held = await asked.held;
      const [approved, denied] = await Promise.allSettled([approveAs(one(), held, 'bob'), two().deny(held.id, reviewer('carol'), 'no')]);
      expect([approved.status, denied.status].sort()).toEqual(['fulfilled', 'rejected']);
      expect((await asked.answer).kind).toBe(approved.status === 'fulfilled' ? 'used' : 'refused');
    }
  });

  it('is refused by a denial, with its reason', async () => {
    const asked = ask(one(), fresh());
    await two().deny((await asked.held).id, reviewer('bob'), 'not on a Friday');
    expect(await asked.answer).toMatchObject({ kind: 'refused', record: { state: 'denied', ended: { why: 'not on a Friday', by: { name: 'bob' } } } });
  });

  it('cannot be approved after its expiry, and is refused then', async () => {
    const asked = ask(one(), fresh());
    const held = await asked.held;
    world.clock.advance(600_000);
    await expect(approveAs(two(), held, 'bob')).rejects.toMatchObject({ code: 'approval.expired' });
    expect(await asked.answer).toMatchObject({ kind: 'refused', record: { state: 'expired' } });
  });

  it('is refused to a second identity of the requester with the same verified address', async () => {
    const asked = ask(one(), fresh());
    const held = await asked.held;
    const twin = reviewer('alice-admin', { email: 'ALICE@bank.test' });
    await expect(two().approve(held.id, twin, { digest: held.digest, confirm: null, reason: null })).rejects.toMatchObject({ code: 'approval.not_yours' });
    asked.abandon({ kind: 'gave_up', why: 'cancelled by the client' });
    expect(await asked.answer).toMatchObject({ kind: 'refused' });
  });

  it('is refused to a second identity also when a token leaves the address out', async () => {
    // The world remembers `alice@bank.test` for `sub-alice`, and so on.
    const given = (held: ApprovalRecord) => ({ digest: held.digest, confirm: null, reason: null });
    const silent = ask(one(), fresh({ identity: identity('alice', { email: null }) }));
    const first = await silent.held;
    await expect(two().approve(first.id, reviewer('alice-admin', { email: 'alice@bank.test' }), given(first))).rejects.toMatchObject({
      code: 'approval.not_yours',
    });
    const asked = ask(one(), fresh({ identity: identity('alice-admin', { email: 'alice@bank.test' }) }));
    const second = await asked.held;
    await expect(two().approve(second.id, reviewer('alice', { email: null }), given(second))).rejects.toMatchObject({ code: 'approval.not_yours' });
    for (const each of [silent, asked]) each.abandon({ kind: 'gave_up', why: 'end of the test' });
    await Promise.all([silent.answer, asked.answer]);
  });

  it('is cancelled when the client gives up or leaves, and nobody can approve it then', async () => {
    for (const kind of ['gave_up', 'gone'] as const) {
      const asked = ask(one(), fresh());
      const held = await asked.held;
      asked.abandon({ kind, why: 'the client left' });
      expect(await asked.answer).toMatchObject({ kind: 'refused', record: { state: 'cancelled', ended: { why: 'the client left' } } });
      await expect(approveAs(two(), held, 'bob')).rejects.toMatchObject({ code: 'approval.decided' });
    }
  });

  it('that could not be looked up is not waited for, and is not spent for nothing', async () => {
    const store = world.stores[0]?.approvals as { find(id: string): Promise<ApprovalRecord | null> };
    const find = store.find.bind(store);
    let held: ApprovalRecord | null = null;
    const broken = (record: ApprovalRecord): void => {
      held = record;
      store.find = () => Promise.reject(new GwError('store.unavailable', 'gone'));
    };
    const answer = one().door.ask(fresh(), { held: broken, progress: () => undefined }, new AbortController().signal);
    await expect(answer).rejects.toMatchObject({ code: 'store.unavailable' });
    store.find = find;
    await approveAs(one(), held as unknown as ApprovalRecord, 'bob');
    // Another request goes the whole way through the same desk: a spending that began before it is over, or in the log at least.
    const other = ask(one(), fresh({ identity: identity('erin') }));
    await approveAs(one(), await other.held, 'bob');
    expect(await other.answer).toMatchObject({ kind: 'used' });
    const { id } = held as unknown as ApprovalRecord;
    expect(world.audit.filter(({ kind, approval }) => kind === 'approval.use' && approval === id)).toEqual([]);
    expect(await stored(held as unknown as ApprovalRecord)).toMatchObject({ state: 'approved', used: null });
  });

  it('a client that leaves in the moment of the approval leaves nothing that can be used later', async () => {
    for (let round = 0; round < 10; round++) {
      const asked = ask(one(), fresh());
      const held = await asked.held;
      const approving = approveAs(two(), held, 'bob').catch(() => undefined);
      asked.abandon({ kind: 'gone', why: 'the client left' });
      await Promise.all([approving, asked.answer]);
      expect(['cancelled', 'used', 'revoked']).toContain((await stored(held)).state);
    }
  });

  it('is not approved under a policy that changed since', async () => {
    const asked = ask(one(), fresh());
    const held = await asked.held;
    world.policy = 'sha256:policy-2';
    await expect(approveAs(two(), held, 'bob')).rejects.toMatchObject({ code: 'approval.stale' });
    world.policy = held.policy;
    asked.abandon({ kind: 'stale', why: 'the policy changed' });
    expect(await asked.answer).toMatchObject({ kind: 'refused', record: { state: 'cancelled' } });
  });

  it('is not spent for somebody who was locked while it waited, or whose principal was', async () => {
    for (const who of ['sub-alice', 'sub-carol']) {
      const asked = ask(one(), fresh({ identity: identity('alice', { onBehalfOf: { issuer: null, subject: 'sub-carol', verified: true } }) }));
      const held = await asked.held;
      world.locked.add(who);
      await approveAs(two(), held, 'bob');
      await expect(asked.answer).rejects.toMatchObject({ code: 'login.locked' });
      world.locked.delete(who);
      expect(await stored(held)).toMatchObject({ state: 'approved', used: null });
    }
  });

  it('is not good when somebody who approved it was locked before it was used', async () => {
    const first = fresh({ waitMs: 0 });
    const held = (await ask(one(), first).answer).record;
    await approveAs(two(), held, 'mallory');
    world.locked.add('sub-mallory');
    const again = ask(one(), { ...first, waitMs: null });
    expect((await again.held).id).not.toBe(held.id);
    expect((await stored(held)).state).toBe('revoked');
    again.abandon({ kind: 'gave_up', why: '' });
  });
});

describe('a session that does not wait', () => {
  it('gets the same request again until it is decided, and then goes on once (replay)', async () => {
    const asked = fresh({ waitMs: 0 });
    const first = await ask(one(), asked).answer;
    expect(first).toMatchObject({ kind: 'waiting', record: { state: 'pending', waiter: null } });
    expect((await ask(two(), { ...asked, session: 'ses_other' }).answer).record.id).toBe(first.record.id);
    await approveAs(one(), first.record, 'bob');
    const results = await Promise.all([one(), two(), one(), two()].map((desk, i) => ask(desk, { ...asked, session: `ses_again_${i}` }).answer));
    expect(results.filter(({ kind }) => kind === 'used')).toHaveLength(1);
    expect(results.filter(({ kind, record }) => kind === 'waiting' && record.id !== first.record.id)).toHaveLength(3);
  });

  it('does not go on with another parameter than was approved, nor another text, policy, target, database or login', async () => {
    const asked = fresh({ waitMs: 0 });
    const operation = { ...asked.operation, parameters: [{ type: '23', form: 'text', value: '42' }] } as NonNullable<typeof asked.operation>;
    const approved = { ...asked, operation };
    const { record } = await ask(one(), approved).answer;
    await approveAs(two(), record, 'bob');
    const others = [
      { ...approved, operation: { ...operation, parameters: [{ type: '23', form: 'text', value: '43' }] } },
      { ...approved, operation: { ...operation, exact: Buffer.concat([Buffer.from(operation.exact), Buffer.from('\n')]) } },
      { ...approved, policy: 'sha256:policy-2' },
      { ...approved, target: { name: 'other-db', protocol: 'postgres' } },
      { ...approved, scope: 'postgres' },
      { ...approved, identity: identity('eve') },
      { ...approved, identity: identity('alice', { kind: 'agent' }) },
      { ...approved, identity: identity('alice', { onBehalfOf: { issuer: null, subject: 'sub-carol', verified: true } }) },
    ] as (typeof approved)[];
    for (const other of others) expect(await ask(one(), other).answer).toMatchObject({ kind: 'waiting' });
    expect(await ask(one(), approved).answer).toMatchObject({ kind: 'used', record: { id: record.id } });
  });

  it('does not go on where other people are asked by now (a time window of the policy)', async () => {
    const asked = fresh({ waitMs: 0 });
    const { record } = await ask(one(), asked).answer;
    await approveAs(two(), record, 'bob');
    const night = demand({ groups: ['dba', 'risk'], approvers: [...asked.demand.approvers, { rule: 'night', groups: ['risk'], quorum: 1 }] });
    expect(await ask(one(), { ...asked, demand: night }).answer).toMatchObject({ kind: 'waiting' });
  });

  it('does not wait behind a request that asks fewer people than are asked by now', async () => {
    const easy = fresh({ waitMs: 0 });
    const { record } = await ask(one(), easy).answer;
    const both = { quorum: 2, approvers: [{ rule: 'night', groups: ['dba'], quorum: 2 }] };
    const asked = ask(one(), { ...easy, waitMs: null, demand: demand(both) });
    const held = await asked.held;
    expect(held.id).not.toBe(record.id);
    await approveAs(two(), record, 'bob');
    await approveAs(two(), held, 'bob');
    expect(await stored(held)).toMatchObject({ state: 'pending' });
    await approveAs(two(), held, 'carol');
    expect(await asked.answer).toMatchObject({ kind: 'used', record: { id: held.id } });
    expect(await stored(record)).toMatchObject({ state: 'approved', used: null });
  });

  it('stops waiting after its time; the request lives on', async () => {
    const asked = ask(one(), fresh({ waitMs: 50 }));
    expect(await asked.answer).toMatchObject({ kind: 'waiting', record: { state: 'pending', waiter: null } });
  });
});

describe('a gateway that is gone while somebody waits', () => {
  it('leaves the request; once approved the same statement of a new session goes on, once', async () => {
    const asked = fresh();
    const start = sessionStart();
    world.stores[0]?.sessions.started({ ...start, session: asked.session ?? '' }, 'j1');
    await world.stores[0]?.sessions.flush();
    const lost = ask(one(), asked);
    const held = await lost.held;
    // Somebody else who asks for the same meanwhile makes a request of its own: that session lives.
    const beside = ask(two(), { ...asked, session: 'ses_beside' });
    expect((await beside.held).id).not.toBe(held.id);
    beside.abandon({ kind: 'gave_up', why: '' });
    await beside.answer;
    // The process died: nobody cancelled anything, and its session is found interrupted at the next start.
    await world.server.query(await databaseUrl(), "update gw.sessions set state = 'ended', ended_at = now() where id = $1", [asked.session]);
    const again = ask(two(), { ...asked, session: 'ses_new' });
    expect((await again.held).id).toBe(held.id);
    await approveAs(two(), held, 'bob');
    const answers = await Promise.all([again.answer, lost.answer]);
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['refused', 'used']);
  });

  it('a gateway that stops leaves the request to those who decide', async () => {
    const asked = ask(one(), fresh());
    const held = await asked.held;
    asked.abandon({ kind: 'detached', why: 'the gateway stops' });
    expect(await asked.answer).toMatchObject({ kind: 'waiting', record: { state: 'pending', waiter: null } });
    await approveAs(two(), held, 'bob');
    expect((await stored(held)).state).toBe('approved');
  });
});

describe('a hundred at once', () => {
  it('wait, and each is answered by its own decision', async () => {
    const all = Array.from({ length: 100 }, (_, i) => ask(i % 2 === 0 ? one() : two(), fresh()));
    const held = await Promise.all(all.map((each) => each.held));
    expect(new Set(held.map(({ id }) => id)).size).toBe(100);
    await Promise.all(held.map((record, i) => (i % 3 === 0 ? one().deny(record.id, reviewer('bob'), 'no') : approveAs(two(), record, 'bob'))));
    const answers = await Promise.all(all.map((each) => each.answer));
    expect(answers.map(({ kind }, i) => kind === (i % 3 === 0 ? 'refused' : 'used') && answers[i]?.record.id === held[i]?.id)).toEqual(answers.map(() => true));
  });
});

describe('grants', () => {
  const HOUR = 3_600_000;
  const granted = async (change: Parameters<typeof question>[1] = {}) => {
    const draft = await one().draft(
      question('', { kind: 'access', operation: null, session: null, demand: demand({ grantMs: HOUR }), scope: null, ...change }),
      HOUR,
    );
    return approveAs(two(), await one().submit(draft), 'bob');
  };

  it('cover what those who approved could have approved, until their minute', async () => {
    const grant = await granted({ identity: identity('gina') });
    const asked = fresh({ identity: identity('gina'), demand: demand({ grantMs: HOUR }), waitMs: 0 });
    expect(await ask(two(), asked).answer).toMatchObject({ kind: 'grant', record: { id: grant.id } });
    expect(await ask(one(), asked).answer).toMatchObject({ kind: 'grant', record: { id: grant.id } });
    const beyond = [
      { demand: demand({ grantMs: null }) },
      { demand: demand({ grantMs: HOUR / 2 }) },
      { demand: demand({ grantMs: HOUR, groups: ['risk'], approvers: [{ rule: 'r', groups: ['risk'], quorum: 1 }] }) },
      { demand: demand({ grantMs: HOUR, quorum: 2, approvers: [{ rule: 'r', groups: ['dba'], quorum: 2 }] }) },
      { policy: 'sha256:policy-2' },
      { target: { name: 'other-db', protocol: 'postgres' } },
      { identity: identity('hank') },
    ];
    for (const change of beyond) expect(await ask(one(), { ...asked, ...change }).answer).toMatchObject({ kind: 'waiting' });
    world.clock.advance(HOUR);
    expect(await ask(one(), asked).answer).toMatchObject({ kind: 'waiting' });
    await eventually('the grant is marked as over', async () => (await stored(grant)).state === 'expired');
  });

  it('end when they are revoked, by their holder, an approver or an administrator, and by nobody else', async () => {
    const grant = await granted({ identity: identity('ida') });
    await expect(one().revoke(grant.id, { identity: identity('eve'), groups: ['engineers'] }, 'x', false)).rejects.toMatchObject({
      code: 'approval.not_yours',
    });
    await one().revoke(grant.id, reviewer('carol'), 'enough', false);
    expect(await ask(two(), fresh({ identity: identity('ida'), demand: demand({ grantMs: HOUR }), waitMs: 0 })).answer).toMatchObject({ kind: 'waiting' });
    const second = await granted({ identity: identity('jo') });
    expect(await two().revoke(second.id, { identity: identity('jo'), groups: [] }, 'done', false)).toMatchObject({ state: 'revoked' });
    const third = await granted({ identity: identity('jo') });
    expect(await two().revoke(third.id, { identity: identity('root'), groups: [] }, 'x', true)).toMatchObject({ state: 'revoked' });
  });
});

describe('break-glass', () => {
  const broken = (change: Parameters<typeof question>[1] = {}) => fresh({ breakGlass: true, demand: demand({ breakGlassMs: 60_000 }), waitMs: 0, ...change });

  it('opens at once where policy permits it, with a reason, for people, and waits for the review of another person', async () => {
    const answer = await ask(one(), broken({ identity: identity('kim'), reason: 'production is down' })).answer;
    expect(answer).toMatchObject({ kind: 'grant', record: { kind: 'break_glass', state: 'approved', review: null, votes: [] } });
    expect(world.audit.some(({ kind, approval }) => kind === 'approval.break_glass' && approval === answer.record.id)).toBe(true);
    // The same while it lives; only for a session that asked for it.
    expect(await ask(two(), broken({ identity: identity('kim') })).answer).toMatchObject({ record: { id: answer.record.id } });
    expect(await ask(two(), broken({ identity: identity('kim'), breakGlass: false })).answer).toMatchObject({ kind: 'waiting' });
    expect((await one().list({ unreviewed: true, groups: ['dba'], limit: 10 })).map(({ id }) => id)).toContain(answer.record.id);
    // What is done until its end has to be looked at as well.
    await expect(approveAs(two(), answer.record, 'bob')).rejects.toMatchObject({ code: 'approval.decided', hint: expect.stringContaining('gw grants revoke') });
    world.clock.advance(60_000);
    await expect(
      one().approve(answer.record.id, { identity: identity('kim'), groups: ['dba'] }, { digest: '', confirm: null, reason: null }),
    ).rejects.toMatchObject({
      code: 'approval.not_yours',
    });
    expect(await approveAs(two(), answer.record, 'bob')).toMatchObject({ review: { accepted: true } });
    expect(await one().list({ unreviewed: true, groups: ['dba'], limit: 10 })).toEqual([]);
  });

  it('does not open without a reason, for an agent, or where policy does not permit it', async () => {
    await expect(ask(one(), broken({ reason: ' ' })).answer).rejects.toMatchObject({ code: 'approval.not_offered' });
    expect(await ask(one(), broken({ identity: identity('bot', { kind: 'agent' }) })).answer).toMatchObject({ kind: 'waiting' });
    expect(await ask(one(), broken({ demand: demand() })).answer).toMatchObject({ kind: 'waiting' });
  });

  it('that is not accepted ends at once', async () => {
    const { record } = await ask(one(), broken({ identity: identity('lee') })).answer;
    expect(await two().deny(record.id, reviewer('bob'), 'there was no incident')).toMatchObject({ state: 'revoked', review: { accepted: false } });
    expect(await ask(one(), broken({ identity: identity('lee'), breakGlass: false })).answer).toMatchObject({ kind: 'waiting' });
  });

  it('is not broken again by the same person before others accepted each time before, on that target', async () => {
    const opens = (name: string, change: Parameters<typeof question>[1] = {}) => ask(one(), broken({ identity: identity(name), ...change })).answer;
    const { record } = await opens('max');
    const again = { code: 'approval.not_offered', detail: { request: record.id } };
    world.clock.advance(60_000);
    await expect(opens('max')).rejects.toMatchObject({ ...again, message: expect.stringContaining('has not been reviewed') });
    // A second login of the same person is the same person; somebody else, and another target, are not concerned.
    await expect(opens('max-admin', { identity: identity('max-admin', { email: 'MAX@bank.test' }) })).rejects.toMatchObject(again);
    expect(await opens('ned')).toMatchObject({ kind: 'grant' });
    expect(await opens('max', { target: { name: 'other-db', protocol: 'postgres' } })).toMatchObject({ kind: 'grant' });
    await two().deny(record.id, reviewer('bob'), 'there was no incident');
    await expect(opens('max')).rejects.toMatchObject({ ...again, message: expect.stringContaining('not accepted by bob') });
    expect(await approveAs(two(), await one().find(record.id), 'carol')).toMatchObject({ review: { accepted: true } });
    expect(await opens('max')).toMatchObject({ kind: 'grant' });
  });
});

async function databaseUrl(): Promise<string> {
  const url = new URL(world.server.url);
  url.pathname = '/t1';
  return url.href;
}
