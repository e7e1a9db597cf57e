import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { runnableProcesses } from '../../src/base/runnable-processes.js';

it('counts this process, and others that want a processor at the same moment', async () => {
  expect(runnableProcesses()).toBeGreaterThanOrEqual(1);
  const busy = Array.from({ length: 8 }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  try {
    await expect.poll(runnableProcesses, { timeout: 20_000 }).toBeGreaterThanOrEqual(8);
  } finally {
    for (const each of busy) each.kill('SIGKILL');
  }
});
