/** The journal gives back what was recorded: operations joined, in order, of the right session, with what was withheld said. */
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/contract/decision.js';
import { GwError } from '../../src/contract/gw-error.js';
import { listSessions, verifyJournal } from '../../src/recording/index.js';
import {
  allow,
  bytes,
  collect,
  deny,
  end,
  facts,
  integrity,
  keys,
  ok,
  open,
  operations,
  recordedAllow,
  recordedDeny,
  start,
  withDirectory,
} from './session-fixture.js';

describe('journal round trip', () => {
  it('gives back start, operations with decision, facts, outcome and bytes, events and end', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir);
      journal.event('gateway.started', { version: 'test' });
      const session = journal.begin(start('ses_1'));
      const read = facts('reads bank.customers');
      session.operation(1, 'query', read, allow, bytes('select 1'), null);
      journal.commit();
      session.delivered(1, bytes('first '));
      session.delivered(1, bytes('second'));
      session.outcome(1, { ...ok, message: 'SELECT 1 · é' });
      session.operation(2, 'query', facts('drops bank.customers'), deny, bytes('drop table x'), null);
      session.operation(3, 'execute', read, allow, bytes('copy t from stdin'), bytes('\0\x01params'));
      session.received(3, bytes('row one\n'));
      session.outcome(3, { status: 'error', rows: 0, bytes: 0, durationUs: 12.6, message: null });
      session.event('session.renewed', { until: 5 });
      session.delivered(0, bytes('notification'));
      session.end(end);
      await journal.close();

      const items = await collect(dir, journal.bootId, 'ses_1');
      expect(items.map((item) => item.kind)).toEqual(['start', 'operation', 'operation', 'operation', 'event', 'unsolicited', 'end', 'integrity']);
      expect(items[0]).toMatchObject({ start: start('ses_1') });
      const [first, refused, copy] = operations(items);
      expect(first).toMatchObject({
        sequence: 1,
        form: 'query',
        facts: read,
        decision: recordedAllow,
        exactBytes: 8,
        parameters: null,
        outcome: { ...ok, message: 'SELECT 1 · é' },
      });
      expect(first?.exact.toString()).toBe('select 1');
      expect(first?.delivered).toEqual({ bytes: bytes('first second'), cut: false, total: 12, digest: null });
      expect(refused).toMatchObject({ sequence: 2, decision: recordedDeny, outcome: null });
      expect(copy).toMatchObject({ form: 'execute', parameters: bytes('\0\x01params'), outcome: { status: 'error', durationUs: 13, message: null } });
      expect(copy?.received.bytes.toString()).toBe('row one\n');
      expect(items.at(-2)).toMatchObject({ end });
      expect(integrity(items)).toMatchObject({ intact: true, live: false, problems: [] });
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ live: false, sessions: 1, openSessions: 0, gateway: 'test-gateway' }] });
    }));

  it('gives back all that a decision says', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir);
      const session = journal.begin(start('ses_1'));
      const approval = {
        approvers: [{ rule: 'base/ask', groups: ['dba'], quorum: 2 }],
        groups: ['dba'],
        quorum: 2,
        expiresInMs: 60_000,
        tier: 'critical',
        confirmTarget: true,
        grantMs: null,
        breakGlassMs: 5,
      } as const;
      const limits = { rows: 10, bytes: null, seconds: 1, statements: null, overRows: approval };
      const asked: Decision = { ...allow, effect: 'require_approval', warnings: ['mind the gap'], tier: 'critical', approval, limits };
      session.operation(1, 'query', facts('x'), asked, bytes('x'), null);
      session.end(end);
      await journal.close();
      const [operation] = operations(await collect(dir, journal.bootId, 'ses_1'));
      expect(operation?.decision).toEqual(asked);
    }));

  it('never writes a text or parameters that hold a secret', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir);
      const session = journal.begin(start('ses_1'));
      session.operation(1, 'query', facts('sets a password', "alter role x password '***'"), allow, bytes("alter role x password 'hunter2'"), bytes('hunter2'));
      session.end(end);
      await journal.close();
      const [operation] = operations(await collect(dir, journal.bootId, 'ses_1'));
      expect(operation).toMatchObject({ redacted: true, parameters: null });
      expect(operation?.exact.toString()).toBe("alter role x password '***'");
      const { readFile } = await import('node:fs/promises');
      expect((await readFile(`${dir}/${journal.bootId}/000001.gwj`)).includes('hunter2')).toBe(false);
    }));

  it('keeps texts and parameters that are longer than an entry', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir);
      const session = journal.begin(start('ses_1'));
      const exact = Buffer.alloc(3_500_000, 'select ');
      const parameters = Buffer.alloc(5_200_001, 'p');
      session.operation(1, 'query', facts('long'), allow, exact, parameters);
      session.outcome(1, { ...ok, message: 'é'.repeat(70_000) });
      session.end(end);
      await journal.close();
      const items = await collect(dir, journal.bootId, 'ses_1');
      const [operation] = operations(items);
      expect(operation?.exact.equals(exact)).toBe(true);
      expect(operation?.parameters?.equals(parameters)).toBe(true);
      expect(operation?.shortened).toBe(false);
      expect(operation?.outcome?.message).toBe('é'.repeat(32_768));
      expect(integrity(items).intact).toBe(true);
    }));

  it('writes facts and decisions once, and starts numbering anew when a session has seen many', () =>
    withDirectory(async (dir) => {
      const journal = await open(dir);
      const session = journal.begin(start('ses_1'));
      const shared = facts('shared');
      for (let i = 1; i <= 1000; i++) {
        session.operation(i, 'query', i % 2 === 0 ? shared : facts(`unique ${i}`), allow, bytes(`q${i}`), null);
        session.outcome(i, ok);
      }
      session.end(end);
      await journal.close();
      const items = await collect(dir, journal.bootId, 'ses_1');
      expect(operations(items).map((operation) => operation.facts?.summary)).toEqual(
        Array.from({ length: 1000 }, (_, i) => ((i + 1) % 2 === 0 ? 'shared' : `unique ${i + 1}`)),
      );
      expect(operations(items).every((operation) => operation.decision?.rule === 'base/read' && operation.form === 'query')).toBe(true);
    }));

  it('refuses what would make the record untrue: repeated numbers, bytes of no operation, anything after the end', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir);
      const session = journal.begin(start('ses_1'));
      const read = facts('reads');
      session.operation(1, 'query', read, allow, bytes('a'), null);
      expect(() => session.operation(1, 'query', read, allow, bytes('a'), null)).toThrow(GwError);
      expect(() => session.delivered(2, bytes('x'))).toThrow(GwError);
      session.outcome(1, ok);
      expect(() => session.delivered(1, bytes('late'))).toThrow(GwError);
      expect(() => session.event('big', { text: 'x'.repeat(2 << 20) })).toThrow(expect.objectContaining({ code: 'session.limit' }));
      session.end(end);
      expect(() => session.end(end)).toThrow(GwError);
      expect(() => session.event('late', {})).toThrow(GwError);
    }));

  it('lists sessions of several workers, open ones without an end', () =>
    withDirectory(async (dir) => {
      await using one = await open(dir);
      await using two = await open(dir);
      one.begin(start('ses_1')).end(end);
      one.begin(start('ses_2'));
      two.begin(start('ses_3')).end(end);
      one.commit();
      two.commit();
      const listed: string[] = [];
      for await (const session of listSessions(dir, keys))
        listed.push(`${session.start.session} ${session.end?.reason ?? 'open'} ${session.bootId === one.bootId ? 'one' : 'two'}`);
      expect(listed.sort()).toEqual(['ses_1 client one', 'ses_2 open one', 'ses_3 client two']);
    }));

  it('can be read while it is written, across segments', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { segmentBytes: 4000 });
      const session = journal.begin(start('ses_1'));
      const read = facts('reads');
      for (let i = 1; i <= 200; i++) {
        session.operation(i, 'query', read, allow, bytes(`select ${i}`), null);
        session.outcome(i, ok);
        journal.commit();
        if (i % 20 !== 0) continue;
        const items = await collect(dir, journal.bootId, 'ses_1');
        expect(operations(items).length).toBe(i);
        expect(integrity(items)).toMatchObject({ intact: true, live: true });
      }
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ live: true, openSessions: 1 }] });
    }));

  it('makes no system call when there is nothing to commit, and one write otherwise', () =>
    withDirectory(async (dir) => {
      const { systemFiles } = await import('../../src/recording/segment-file.js');
      let writes = 0;
      const counted: typeof systemFiles.write = (...args) => {
        writes++;
        return systemFiles.write(...args);
      };
      await using journal = await open(dir, { encryption: null, files: { ...systemFiles, write: counted } });
      writes = 0;
      journal.commit();
      expect(writes).toBe(0);
      const sessions = Array.from({ length: 8 }, (_, i) => journal.begin(start(`ses_${i}`)));
      for (const session of sessions) session.operation(1, 'query', facts('reads'), allow, bytes('x'), null);
      journal.commit();
      journal.commit();
      expect(writes).toBe(1);
    }));

  it('resolves synced after a datasync that began after the commit, one for all who wait', () =>
    withDirectory(async (dir) => {
      const { systemFiles } = await import('../../src/recording/segment-file.js');
      const pending: (() => void)[] = [];
      let hold = false;
      let wake: () => void = () => undefined;
      await using journal = await open(dir, {
        encryption: null,
        syncIntervalMs: 1_000_000,
        files: {
          ...systemFiles,
          datasync: (fd, done) =>
            systemFiles.datasync(fd, (error) => {
              if (!hold) return done(error);
              pending.push(() => done(error));
              wake();
            }),
        },
      });
      const arrived = (): Promise<void> => new Promise((resolve) => (wake = resolve));
      await journal.synced();
      hold = true;
      const session = journal.begin(start('ses_1'));
      journal.commit();
      let waiting = arrived();
      const first = journal.synced();
      await waiting;
      session.event('later', {});
      journal.commit();
      const settled: string[] = [];
      const second = Promise.all([journal.synced(), journal.synced()]).then(() => settled.push('second'));
      waiting = arrived();
      pending.shift()?.();
      await first;
      await waiting;
      expect(settled).toEqual([]);
      expect(pending.length).toBe(1);
      hold = false;
      pending.shift()?.();
      await second;
      expect(settled).toEqual(['second']);
    }));
});
