/**
 * Takes all file descriptors that there are, and gives them back one by one. Each time it looks who holds the lock `argv[2]`.
 * Prints one line for each look: the state of the holder, or the code of the error.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { lockHolder } from '../../src/base/lock-file.js';

const [path = ''] = process.argv.slice(2);
const FEW = 8;

async function told(look: () => Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code ?? 'an error without a code';
  }
}

// What is needed once is there before there is no room for it.
await lockHolder(path);
execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=256:']);
const taken: number[] = [];
for (;;) {
  try {
    taken.push(openSync('/dev/null', 'r'));
  } catch {
    break;
  }
}
const words: string[] = [];
for (let free = 0; free <= FEW; free++) {
  words.push(await told(async () => (await lockHolder(path))?.state ?? 'nobody'));
  const fd = taken.pop();
  if (fd !== undefined) closeSync(fd);
}
for (const fd of taken) closeSync(fd);
writeSync(1, `${words.join('\n')}\n`);
