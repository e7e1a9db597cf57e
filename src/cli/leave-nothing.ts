/** Work that would leave a half behind where the process is told to end meanwhile: that is taken away first. */

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** @param takeAway at once, without waiting. @returns what `work` gives. @throws what it throws */
export async function leaveNothing<T>(takeAway: () => void, work: () => Promise<T>): Promise<T> {
  const interrupted = (signal: NodeJS.Signals): void => {
    takeAway();
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    return await work();
  } finally {
    for (const signal of SIGNALS) process.removeListener(signal, interrupted);
  }
}
