/**
 * Brings `dist` up to date before a test starts the real CLI. Several test files may ask at once: one builds under a lock, the others
 * wait for it. Types are not checked here (`npm run check` does), so a type error elsewhere stops no test.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export const ROOT = join(import.meta.dirname, '..', '..');
const LOCK = join(ROOT, 'node_modules', '.build-cli.lock');
const LOCK_AGE = 120_000;

function changedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function isFresh(): boolean {
  const built = changedAt(join(ROOT, 'dist', '.built'));
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true }).filter((entry) => entry.name.endsWith('.ts'));
  return sources.every((entry) => changedAt(join(entry.parentPath, entry.name)) < built);
}

export async function buildCli(): Promise<void> {
  for (;;) {
    if (isFresh()) return;
    try {
      mkdirSync(LOCK);
      break;
    } catch {
      if (Date.now() - changedAt(LOCK) > LOCK_AGE) rmSync(LOCK, { recursive: true, force: true });
      await wait(100);
    }
  }
  try {
    execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}
