/** The key of a session is on disk before the frames that it encrypts are synced, whatever begins and fails while keys are on their way. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RECORD_BYTES } from '../../src/recording/encryption/session-keys.js';
import { type SegmentFiles, systemFiles } from '../../src/recording/segment-file.js';
import { eventually } from '../store/state-server.js';
import { open, start, withDirectory } from './session-fixture.js';

/** The file system of this machine, with syncs of keys that can be held and that fail; notes each sync of frames that came before that of a key. */
class HeldKeys {
  readonly files: SegmentFiles;
  readonly early: string[] = [];
  hold = false;
  failNow = false;
  readonly #held: (() => void)[] = [];
  #keysFd = -1;
  #written = 0;
  #synced = 0;

  constructor() {
    this.files = {
      ...systemFiles,
      create: (path) => {
        const fd = systemFiles.create(path);
        if (path.endsWith('keys')) this.#keysFd = fd;
        return fd;
      },
      write: (fd, bytes, offset, length, position) => {
        const wrote = systemFiles.write(fd, bytes, offset, length, position);
        if (fd === this.#keysFd) this.#written = Math.max(this.#written, position + wrote);
        return wrote;
      },
      datasync: (fd, done) => {
        if (fd !== this.#keysFd) {
          this.#frames();
          systemFiles.datasync(fd, done);
          return;
        }
        const covered = this.#written;
        const go = (): void =>
          systemFiles.datasync(fd, (error) => {
            this.#synced = Math.max(this.#synced, covered);
            done(error);
          });
        if (this.hold) this.#held.push(go);
        else go();
      },
      datasyncNow: (fd) => {
        if (fd !== this.#keysFd) this.#frames();
        else if (this.failNow) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
        else this.#synced = this.#written;
        systemFiles.datasyncNow(fd);
      },
    };
  }

  release(): void {
    this.hold = false;
    for (const go of this.#held.splice(0)) go();
  }

  #frames(): void {
    if (this.#synced < this.#written) this.early.push(`${this.#written - this.#synced} bytes of keys are not on disk`);
  }
}

it.each([
  ['a session that begins', false],
  ['a session that begins behind a full segment', true],
])('the key of %s while others are synced', (_what, roll) =>
  withDirectory(async (dir) => {
    const keys = new HeldKeys();
    await using journal = await open(dir, { bootId: 'w', files: keys.files, syncIntervalMs: 1_000_000 });
    await journal.synced();
    const begin = (id: string): void => {
      journal.begin(start(id));
      journal.commit();
    };
    keys.hold = true;
    begin('ses_1');
    const first = journal.synced();
    begin('ses_2');
    if (roll) {
      journal.roll();
      begin('ses_3');
    }
    keys.release();
    await first;
    await journal.synced();
    expect(keys.early).toEqual([]);
  }),
);

it('a key that a failed sync may have lost is written again, also when one that began before succeeds', () =>
  withDirectory(async (dir) => {
    const keys = new HeldKeys();
    await using journal = await open(dir, { bootId: 'w', files: keys.files, syncIntervalMs: 1_000_000, retryIntervalMs: 1_000_000 });
    await journal.synced();
    keys.hold = true;
    journal.begin(start('ses_1'));
    journal.commit();
    const first = journal.synced();
    journal.begin(start('ses_2'));
    journal.commit();
    keys.failNow = true;
    journal.roll();
    await expect(first).rejects.toMatchObject({ code: 'recording.failed' });
    // What the kernel dropped of a page: here the record of session 2.
    const path = join(dir, 'w', 'keys');
    const stored = await readFile(path);
    await writeFile(path, Buffer.from(stored).fill(0, 2 * RECORD_BYTES));
    keys.failNow = false;
    keys.release();
    await eventually('the journal is healthy', () => journal.probe());
    await journal.synced();
    expect((await readFile(path)).equals(stored)).toBe(true);
  }));
