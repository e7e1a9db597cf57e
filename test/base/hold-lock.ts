/**
 * Takes the lock `argv[2]` again and again, and dies in it now and then, as kill -9 does. Prints one line for each time that it was inside,
 * before it leaves: `in`, or `two` when another living process was inside as well.
 */
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { takeLockFile } from '../../src/base/lock-file.js';

const [path = '', seed = '1'] = process.argv.slice(2);
const inside = `${path}-inside`;
let state = Number(seed);

function random(): number {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

function occupant(): number | null {
  try {
    return Number(readFileSync(inside, 'utf8'));
  } catch {
    return null;
  }
}

for (let times = 0; times < 15; ) {
  const attempt = await takeLockFile(path);
  if (attempt.kind === 'held') {
    await wait(1);
    continue;
  }
  times++;
  const other = occupant();
  const two = other !== null && isRunning(other);
  writeFileSync(inside, String(process.pid));
  await wait(random() * 3);
  writeSync(1, two || occupant() !== process.pid ? 'two\n' : 'in\n');
  if (random() < 0.15) process.kill(process.pid, 'SIGKILL');
  rmSync(inside, { force: true });
  await attempt.release();
}
