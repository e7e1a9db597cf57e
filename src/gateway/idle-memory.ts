/**
 * Gives memory back when nothing happens: after the start, and when a process that was busy has become idle. The engine collects when it
 * needs room, and an idle process never needs any, so without this a gateway with a thousand idle sessions keeps what their logins
 * left behind. A collection takes tens of milliseconds; it runs only when the process did next to nothing for a whole period.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const PERIOD_MS = 5_000;
/** Share of one core below which the process counts as idle. */
const IDLE_SHARE = 0.02;
/** Growth since the last collection that makes another one worth its time. */
const GROWTH_BYTES = 4 * 1024 * 1024;

/** Watches from now on; the timer does not hold the process open. Gives the function that stops it. */
export function watchIdleMemory(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let kept = 0;
  let cpu = process.cpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    if ((user + system) / 1000 > PERIOD_MS * IDLE_SHARE) return;
    const { heapUsed, external } = process.memoryUsage();
    if (heapUsed + external - kept < GROWTH_BYTES) return;
    collect();
    const after = process.memoryUsage();
    kept = after.heapUsed + after.external;
  }, PERIOD_MS);
  timer.unref();
  return () => clearInterval(timer);
}
