/**
 * Data directories of PostgreSQL servers, copied from one that was initialised once in a run of the tests: an initialisation costs a second of processor
 * time, and the outcome is the same each time. As `globalSetup` of vitest this makes the place where they are kept, and removes it with the run.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const PLACE = 'GW_TEST_DATA_DIRECTORIES';

export async function setup(): Promise<void> {
  process.env[PLACE] = await openDirectory(join(tmpdir(), 'gw-data-'));
}

export async function teardown(): Promise<void> {
  await rm(process.env[PLACE] ?? '', { recursive: true, force: true });
}

/** @param initialise makes a data directory that no server holds; called when there is none of this name yet */
export async function copyDataDirectory(name: string, to: string, initialise: (dir: string) => Promise<void>): Promise<void> {
  const place = process.env[PLACE] ?? '';
  // Not vitest: the red team and scripts start one server.
  if (place === '') return initialise(to);
  const kept = join(place, name);
  if (!existsSync(kept)) {
    const draft = await openDirectory(join(place, 'draft-'));
    await initialise(join(draft, 'data'));
    await rename(join(draft, 'data'), kept).catch((cause: NodeJS.ErrnoException) => {
      // Another process was first: the two are the same.
      if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST') throw cause;
    });
    await rm(draft, { recursive: true, force: true });
  }
  await exec('cp', ['-a', kept, to]);
}

/** Which the server's account may pass through. */
async function openDirectory(prefix: string): Promise<string> {
  const dir = await mkdtemp(prefix);
  await chmod(dir, 0o755);
  return dir;
}
