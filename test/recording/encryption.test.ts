/** Journals at rest: nothing of a session can be read without its key, nothing that was tampered with is given as if it were right, and hashes need no key. */
import { execFileSync } from 'node:child_process';
import { createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { copyFile, cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { GwError } from '../../src/contract/gw-error.js';
import { EntryOpener } from '../../src/recording/encryption/entry-opener.js';
import { destroyKey, RECORD_BYTES, readKeyRecord, readKeyStates } from '../../src/recording/encryption/session-keys.js';
import { decodeEntries, decodeOutcome, type Entry } from '../../src/recording/entry-decoder.js';
import { KIND } from '../../src/recording/format.js';
import {
  createKeyFileWrapper,
  type GroupJournal,
  JournalKeyring,
  plainJournals,
  type RecoveredSession,
  readSession,
  recoverJournals,
  verifyJournal,
} from '../../src/recording/index.js';
import { systemFiles } from '../../src/recording/segment-file.js';
import { walkJournal } from '../../src/recording/walk-journal.js';
import {
  allow,
  bytes,
  collect,
  crashCopy,
  deny,
  end,
  facts,
  integrity,
  keyFile,
  keys,
  ok,
  open,
  operations,
  start,
  steppingClock,
  withDirectory,
} from './session-fixture.js';

const SECRET = 'select iban from ledger.accounts where holder = $1';
const ANSWER = 'DE89 3704 0044 0532 0130 00';
const LONG = `${ANSWER} `.repeat(400);

/** Two sessions with the same words in them, and something of the gateway itself. */
function record(journal: GroupJournal): void {
  journal.event('login.refused', { sensitive: { address: '192.0.2.99' } });
  for (const id of ['ses_1', 'ses_2']) {
    const session = journal.begin({ ...start(id), reason: 'ticket OPS-4711', identity: { ...start(id).identity, name: 'Alice Aardvark' } });
    session.operation(1, 'query', facts('reads ledger.accounts'), allow, bytes(SECRET), bytes('Bob Badger'));
    journal.commit();
    session.delivered(1, bytes(ANSWER));
    session.outcome(1, { ...ok, message: 'NOTICE: balance 4242' });
    session.operation(2, 'query', facts('drops it'), deny, bytes('drop table ledger.accounts'), null);
    session.operation(3, 'query', facts('reads much'), allow, bytes(SECRET), null);
    session.delivered(3, bytes(LONG));
    session.outcome(3, { ...ok, message: null });
    session.event('masked', { operation: 1, values: [{ class: 'iban', treatment: 'clear', rule: 'base/iban', values: 1 }] });
    journal.commit();
    session.end({ ...end, message: 'goodbye Alice' });
    journal.commit();
  }
}

const WORDS = [SECRET, ANSWER, '192.0.2.99', 'OPS-4711', 'Alice', 'Badger', 'balance', 'drop table', 'goodbye', 'base/iban', 'reads ledger', 'base/read'];

async function everything(dir: string): Promise<Buffer> {
  const names = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return Buffer.concat(await Promise.all(names.map((entry) => readFile(join(entry.parentPath, entry.name)))));
}

async function recorded(dir: string): Promise<void> {
  const journal = await open(dir, { bootId: 'w', resultCap: 4096 });
  record(journal);
  await journal.close();
}

async function entries(dir: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const item of walkJournal({ dir, bootId: 'w', live: false })) {
    if (item.kind === 'frame') for (const entry of decodeEntries(item.frame.body, item.frame.entries)) if (typeof entry !== 'string') found.push(entry);
  }
  return found;
}

const journalKey = async (dir: string): Promise<Buffer> => {
  const { key } = JSON.parse(await readFile(join(dir, 'w', 'keys.json'), 'utf8')) as { key: string };
  return Buffer.from(hkdfSync('sha256', keyFile.unwrap(key), Buffer.alloc(0), 'gw journal w', 32));
};

describe('an encrypted journal', () => {
  it('holds no word of what was recorded, and gives all of it back with the key', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      const stored = await everything(dir);
      for (const word of WORDS) expect(stored.includes(word), word).toBe(false);
      const items = await collect(dir, 'w', 'ses_1');
      expect(integrity(items)).toMatchObject({ intact: true, problems: [] });
      expect(items[0]).toMatchObject({ start: { reason: 'ticket OPS-4711', identity: { name: 'Alice Aardvark' } } });
      const [first, refused, long] = operations(items);
      expect(first).toMatchObject({ exact: bytes(SECRET), parameters: bytes('Bob Badger'), outcome: { message: 'NOTICE: balance 4242' } });
      expect(first?.delivered.bytes.toString()).toBe(ANSWER);
      expect(refused).toMatchObject({ exact: bytes('drop table ledger.accounts'), outcome: null });
      expect(long?.delivered).toMatchObject({ cut: true, total: LONG.length });
      const chunk = createHash('sha256').update(LONG).digest();
      expect(long?.delivered.digest).toBe(createHash('sha256').update(chunk).digest('hex'));
      expect(items.at(-2)).toMatchObject({ end: { message: 'goodbye Alice' } });
    }));

  it('verifies without any key', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      await rm(join(dir, 'w', 'keys'));
      await rm(join(dir, 'w', 'keys.json'));
      expect(await verifyJournal(dir)).toMatchObject({ intact: true, workers: [{ sessions: 2, openSessions: 0 }] });
      const items = [];
      for await (const item of readSession(dir, 'w', 'ses_1', plainJournals)) items.push(item);
      expect(items).toMatchObject([{ kind: 'integrity', intact: false, problems: [{ code: 'content-locked' }] }]);
    }));

  it('is one AES-256-GCM message for each session: whoever has the key reads it with nothing of gw', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      // docs/spec/journal.md alone: the record of session 1, and where the ciphertext of each kind begins.
      const record = (await readFile(join(dir, 'w', 'keys'))).subarray(48, 96);
      const nonce = Buffer.alloc(12);
      nonce.writeUInt32BE(1, 8);
      const unwrap = createDecipheriv('aes-256-gcm', await journalKey(dir), nonce).setAuthTag(record.subarray(32));
      const key = Buffer.concat([unwrap.update(record.subarray(0, 32)), unwrap.final()]);
      const message = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12));
      const clear: Record<number, number> = { 2: 6 + 16, 3: 5, 4: 35 + 32, 5: 7 + 32, 6: 6, 7: 6, 9: 14, 10: 26 };
      const plain: Buffer[] = [];
      for (const { session, kind, encrypted, payload } of await entries(dir)) {
        if (session !== 1 || !encrypted) continue;
        const before = kind === 1 ? 1 + payload.readUInt8(0) + 32 : kind === 11 ? 2 + payload.readUInt16BE(0) : (clear[kind] as number);
        expect(payload.readUIntBE(before, 6)).toBe(Buffer.concat(plain).length);
        if (kind === 2) message.setAuthTag(payload.subarray(6, 22));
        plain.push(message.update(payload.subarray(before + 6)));
      }
      message.final();
      for (const word of [SECRET, ANSWER, 'OPS-4711', 'goodbye']) expect(Buffer.concat(plain).includes(word), word).toBe(true);
    }));

  it('gives nothing of a session whose key was destroyed, and all of the others; the hashes hold', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      const before = await verifyJournal(dir);
      expect(destroyKey(join(dir, 'w'), 1)).toBe('kept');
      expect(destroyKey(join(dir, 'w'), 1), 'again').toBe('destroyed');
      expect(destroyKey(join(dir, 'w'), 9)).toBe('none');
      const items = await collect(dir, 'w', 'ses_1');
      expect(items).toMatchObject([{ kind: 'integrity', intact: false, problems: [{ code: 'content-erased' }] }]);
      expect(integrity(await collect(dir, 'w', 'ses_2')).intact).toBe(true);
      const keys = ['kept', 'destroyed', 'kept'];
      expect(await verifyJournal(dir)).toEqual({ ...before, workers: before.workers.map((worker) => ({ ...worker, keys })) });
      expect(readKeyStates(await readFile(join(dir, 'w', 'keys')))).toEqual(['kept', 'destroyed', 'kept']);
    }));

  it('does not take the key of another session, or of another journal', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      const path = join(dir, 'w', 'keys');
      const records = await readFile(path);
      const swapped = Buffer.concat([records.subarray(0, 48), records.subarray(96, 144), records.subarray(48, 96)]);
      await writeFile(path, swapped);
      for (const id of ['ses_1', 'ses_2']) {
        const items = await collect(dir, 'w', id);
        expect(items).toMatchObject([
          { kind: 'integrity', problems: [{ code: 'content-locked', message: expect.stringContaining('not the key of this session') }] },
        ]);
      }
      await writeFile(path, records);
      // The whole of another journal's keys, wrapped by the same key file.
      await cp(join(dir, 'w', 'keys.json'), join(dir, 'keys.json'));
      const other = await open(join(dir, 'other'), { bootId: 'x' });
      record(other);
      await other.close();
      await cp(join(dir, 'other', 'x', 'keys.json'), join(dir, 'w', 'keys.json'));
      expect(await collect(dir, 'w', 'ses_1')).toMatchObject([{ kind: 'integrity', problems: [{ code: 'content-locked' }] }]);
      await cp(join(dir, 'keys.json'), join(dir, 'w', 'keys.json'));
      expect(integrity(await collect(dir, 'w', 'ses_1')).intact).toBe(true);
    }));

  it('says so when the journal key cannot be unwrapped: another key file, or a changed wrapped key', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      const other = createKeyFileWrapper(Buffer.alloc(32, 8));
      const wrong = new JournalKeyring({ knows: (id) => id === other.id, unwrap: async (_id, wrapped) => other.unwrap(wrapped) });
      await expect(wrong.opener(dir, 'w')).rejects.toMatchObject({ code: 'recording.key' });
      const path = join(dir, 'w', 'keys.json');
      const kept = JSON.parse(await readFile(path, 'utf8')) as { key: string };
      const forged = Buffer.from(kept.key, 'base64');
      forged.writeUInt8(forged.readUInt8(20) ^ 1, 20);
      for (const broken of [JSON.stringify({ ...kept, key: forged.toString('base64') }), JSON.stringify({ ...kept, key: 'AAAA' }), '{}', 'no json', '']) {
        await writeFile(path, broken);
        await expect(
          new JournalKeyring({ knows: () => true, unwrap: async (_id, wrapped) => keyFile.unwrap(wrapped) }).opener(dir, 'w'),
          broken,
        ).rejects.toThrow(GwError);
      }
    }));

  it('never gives content that was changed or cut as if it were right', () =>
    withDirectory(async (dir) => {
      await recorded(dir);
      const all = await entries(dir);
      const ofOne = all.filter(({ session }) => session === 1);
      let noticed = 0;
      for (const [at, { encrypted, payload }] of ofOne.entries()) {
        if (!encrypted) continue;
        for (const change of [flipLast, flipFirst, cutOne, cutAll]) {
          const opener = new EntryOpener(join(dir, 'w'), await journalKey(dir));
          const opened = ofOne.map((entry, index) => opener.open(index === at ? { ...entry, payload: change(payload) } : entry));
          // By its commitment at once, by the tag of the session in the end.
          expect(
            opened.some(({ hidden }) => hidden === 'damaged'),
            `entry ${at}, ${change.name}`,
          ).toBe(true);
          noticed++;
        }
      }
      expect(noticed).toBeGreaterThan(40);
      // Leaving out an entry, or telling two in another order, is noticed as well.
      const left = new EntryOpener(join(dir, 'w'), await journalKey(dir));
      expect(
        ofOne
          .filter(({ kind }) => kind !== KIND.delivered)
          .map((entry) => left.open(entry).hidden)
          .at(-1),
      ).toBe('damaged');
    }));

  it('is not recovered without its key, and left as it is', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w' });
      const ended = journal.begin(start('ses_1'));
      ended.end(end);
      const session = journal.begin(start('ses_2'));
      session.operation(1, 'query', facts('reads'), allow, bytes(SECRET), null);
      journal.commit();
      for (const [name, damage] of [
        ['no keyring', () => Promise.resolve()],
        ['no wrapped key', (at: string) => rm(join(at, 'w', 'keys.json'))],
        ['no keys', (at: string) => rm(join(at, 'w', 'keys'))],
        ['another key in its place', (at: string) => overwriteKey(at, 2, Buffer.alloc(RECORD_BYTES, 1))],
        ['the wrapped key of another journal', async (at: string) => copyFile(join(await otherJournal(dir), 'keys.json'), join(at, 'w', 'keys.json'))],
      ] as const) {
        const crash = join(dir, 'crash', name);
        await crashCopy(dir, 'w', crash);
        await damage(crash);
        const before = await readFile(join(crash, 'w', '000001.gwj'));
        const options = { clock: steppingClock(), logger: silentLogger, ...(name === 'no keyring' ? {} : { keys }) };
        expect(await recoverJournals(crash, options), name).toMatchObject({ sessions: [], failed: [{ bootId: 'w', problem: expect.stringContaining('key') }] });
        expect((await readFile(join(crash, 'w', '000001.gwj'))).equals(before)).toBe(true);
      }
      // Nor by a key service that is away.
      const away = new JournalKeyring({ knows: () => true, unwrap: () => Promise.reject(new GwError('recording.key', 'The key service does not answer.')) });
      const unopened = join(dir, 'crash', 'away');
      await crashCopy(dir, 'w', unopened);
      await overwriteKey(unopened, 2, Buffer.alloc(RECORD_BYTES));
      expect(await recoverJournals(unopened, { clock: steppingClock(), logger: silentLogger, keys: away })).toMatchObject({
        sessions: [],
        failed: [{ bootId: 'w' }],
      });
      // What was erased before the crash keeps nobody from recovering the rest.
      const crash = join(dir, 'crash', 'erased');
      await crashCopy(dir, 'w', crash);
      destroyKey(join(crash, 'w'), 1);
      expect(await recoverJournals(crash, { clock: steppingClock(), logger: silentLogger, keys })).toMatchObject({ failed: [], sessions: [{ id: 'ses_2' }] });
      expect(await verifyJournal(crash)).toMatchObject({ intact: true });
      expect(operations(await collect(crash, 'w', 'ses_2'))).toMatchObject([{ exact: bytes(SECRET), outcome: { status: 'unknown' } }]);
    }));

  it.each([
    ['lost in a power cut', 'content-locked', (at: string) => overwriteKey(at, 2, Buffer.alloc(RECORD_BYTES))],
    ['never written to the end of the file', 'content-locked', (at: string) => truncate(join(at, 'w', 'keys'), 2 * RECORD_BYTES)],
    ['destroyed before the session had ended', 'content-erased', (at: string) => Promise.resolve(void destroyKey(join(at, 'w'), 2))],
  ] as const)('is recovered but for the session whose key was %s: of that what is in the clear', (_what, code, damage) =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w' });
      const one = journal.begin(start('ses_1'));
      one.operation(1, 'query', facts('reads'), allow, bytes(SECRET), null);
      const two = journal.begin(start('ses_2'));
      two.operation(1, 'query', facts('reads'), allow, bytes('12345678'), null);
      two.delivered(1, bytes('abcde'));
      two.outcome(1, ok);
      two.operation(2, 'query', facts('drops'), deny, bytes('drop'), null);
      two.operation(5, 'query', facts('writes'), allow, bytes('123'), null);
      two.received(5, bytes('xy'));
      journal.commit();
      const crash = join(dir, 'crash');
      await crashCopy(dir, 'w', crash);
      await damage(crash);
      const told: (readonly RecoveredSession[])[] = [];
      const settle = async (sessions: readonly RecoveredSession[]): Promise<void> => {
        told.push(sessions);
        if (told.length === 1) throw new GwError('store.unavailable', 'The state database does not answer.');
      };
      const options = { clock: steppingClock(), logger: silentLogger, keys, settle };
      expect((await recoverJournals(crash, options)).failed).toHaveLength(1);
      expect((await recoverJournals(crash, options)).failed).toEqual([]);
      for (const sessions of told) {
        expect([...sessions].sort((a, b) => (a.id < b.id ? -1 : 1))).toMatchObject([
          { id: 'ses_1', start: start('ses_1'), end: { reason: 'interrupted', operations: 1 } },
          {
            id: 'ses_2',
            start: null,
            end: { reason: 'interrupted', message: expect.stringContaining('key'), operations: 3, refused: 0, rows: 1, bytesUp: 8 + 4 + 3 + 2, bytesDown: 5 },
          },
        ]);
      }
      expect(await verifyJournal(crash)).toMatchObject({ intact: true, workers: [{ sessions: 2, openSessions: 0 }] });
      expect(operations(await collect(crash, 'w', 'ses_1'))).toMatchObject([{ exact: bytes(SECRET), outcome: { status: 'unknown' } }]);
      expect(integrity(await collect(crash, 'w', 'ses_2')).problems.map((each) => each.code)).toEqual([code]);
      // In the clear: of each operation that had no outcome, nobody can say what became of it.
      const unknown = [];
      for (const entry of await entries(crash)) {
        const outcome = entry.session === 2 && entry.kind === KIND.outcome ? decodeOutcome(entry.payload) : null;
        if (outcome?.outcome.status === 'unknown') unknown.push(outcome.sequence);
      }
      expect(unknown).toEqual([2, 5]);
    }),
  );

  it('tells of a session whose key was lost and that had ended, without what nobody can read', () =>
    withDirectory(async (dir) => {
      await using journal = await open(dir, { bootId: 'w' });
      for (const id of ['ses_1', 'ses_2', 'ses_3']) journal.begin(start(id)).end(end);
      journal.commit();
      const crash = join(dir, 'crash');
      await crashCopy(dir, 'w', crash);
      await overwriteKey(crash, 2, Buffer.alloc(RECORD_BYTES));
      destroyKey(join(crash, 'w'), 3);
      let told: readonly RecoveredSession[] = [];
      const settle = async (sessions: readonly RecoveredSession[]): Promise<void> => void (told = sessions);
      expect((await recoverJournals(crash, { clock: steppingClock(), logger: silentLogger, keys, settle })).failed).toEqual([]);
      // The third was erased, so it ended long before.
      expect(told).toEqual([
        { id: 'ses_1', bootId: 'w', start: start('ses_1'), end },
        { id: 'ses_2', bootId: 'w', start: null, end: null },
      ]);
    }));

  it('records nothing when a key cannot be written, and goes on when it can', () =>
    withDirectory(async (dir) => {
      let full = false;
      const files = {
        ...systemFiles,
        write: (fd: number, from: Uint8Array, offset: number, length: number, position: number): number => {
          // Keys alone are written as so many bytes at such a place.
          if (full && from.length % RECORD_BYTES === 0 && position % RECORD_BYTES === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
          return systemFiles.write(fd, from, offset, length, position);
        },
      };
      await using journal = await open(dir, { bootId: 'w', files, retryIntervalMs: 1_000_000 });
      journal.commit();
      full = true;
      const size = (await readFile(join(dir, 'w', '000001.gwj'))).length;
      const session = journal.begin(start('ses_1'));
      expect(() => journal.commit()).toThrow(expect.objectContaining({ code: 'recording.failed' }));
      expect((await readFile(join(dir, 'w', '000001.gwj'))).length).toBe(size);
      full = false;
      expect(journal.probe()).toBe(true);
      session.end(end);
      journal.commit();
      expect(integrity(await collect(dir, 'w', 'ses_1')).intact).toBe(true);
    }));

  it('writes keys again that a failed sync may have lost, but none that was destroyed', () =>
    withDirectory(async (dir) => {
      let broken = false;
      const files = {
        ...systemFiles,
        datasync: (fd: number, done: (error: Error | null) => void): void =>
          broken ? done(Object.assign(new Error('I/O error'), { code: 'EIO' })) : systemFiles.datasync(fd, done),
      };
      await using journal = await open(dir, { bootId: 'w', files, retryIntervalMs: 1_000_000, syncIntervalMs: 1_000_000 });
      await journal.synced();
      broken = true;
      for (const id of ['ses_1', 'ses_2']) journal.begin(start(id)).end(end);
      journal.commit();
      await expect(journal.synced()).rejects.toMatchObject({ code: 'recording.failed' });
      const path = join(dir, 'w', 'keys');
      const stored = await readFile(path);
      destroyKey(join(dir, 'w'), 1);
      // What the kernel dropped of a page: here the record of session 2.
      const lost = await readFile(path);
      lost.fill(0, 2 * RECORD_BYTES, 3 * RECORD_BYTES);
      await writeFile(path, lost);
      broken = false;
      journal.probe();
      while (!journal.healthy) await new Promise((resolve) => setImmediate(resolve));
      await journal.synced();
      expect(readKeyRecord(join(dir, 'w'), 1).state).toBe('destroyed');
      expect(readKeyRecord(join(dir, 'w'), 2).record.equals(stored.subarray(96, 144))).toBe(true);
    }));
});

async function overwriteKey(dir: string, number: number, record: Buffer): Promise<void> {
  const path = join(dir, 'w', 'keys');
  const stored = await readFile(path);
  record.copy(stored, number * RECORD_BYTES);
  await writeFile(path, stored);
}

async function otherJournal(dir: string): Promise<string> {
  const journal = await open(join(dir, 'other'), { bootId: 'w2' });
  await journal.close();
  return join(dir, 'other', 'w2');
}

it('a key that was destroyed and is not known to be so on disk is put there by the next call', () =>
  withDirectory(async (dir) => {
    await recorded(dir);
    const script = `
      import { destroyKey } from './src/recording/encryption/session-keys.ts';
      for (let call = 0; call < 2; call++) try { console.log(destroyKey(process.argv[1], 1)); } catch (thrown) { console.log(thrown.code); }`;
    const calls = join(dir, 'calls');
    const node = [process.execPath, '--import', './scripts/load-typescript.mjs', '--input-type=module', '-e', script, join(dir, 'w')];
    const words = execFileSync('strace', ['-f', '-qq', '-o', calls, '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO:when=1', ...node], { encoding: 'utf8' });
    expect(words.trim().split('\n')).toEqual(['EIO', 'destroyed']);
    expect((await readFile(calls, 'utf8')).match(/ fsync\(/g)).toHaveLength(2);
  }));

const flip = (payload: Buffer, at: number): Buffer => {
  const changed = Buffer.from(payload);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};
const flipLast = (payload: Buffer): Buffer => flip(payload, payload.length - 1);
/** The first byte behind every clear part that is shorter than this: commitment, tag, position or ciphertext. */
const flipFirst = (payload: Buffer): Buffer => flip(payload, payload.length - Math.min(payload.length, 8));
const cutOne = (payload: Buffer): Buffer => payload.subarray(0, payload.length - 1);
const cutAll = (payload: Buffer): Buffer => payload.subarray(0, 3);
