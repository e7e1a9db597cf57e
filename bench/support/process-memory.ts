/** Memory of processes, and which belong together. */
import { readdir, readFile } from 'node:fs/promises';

export async function descendants(root: number): Promise<{ pid: number; command: string }[]> {
  const all: { pid: number; parent: number; command: string }[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue; // it ended meanwhile
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    all.push({ pid: Number(entry), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]), command });
  }
  const found: { pid: number; command: string }[] = [];
  const visit = (pid: number): void => {
    for (const each of all) {
      if (each.pid === pid) found.push(each);
      if (each.parent === pid) visit(each.pid);
    }
  };
  visit(root);
  return found;
}

/** MiB. Proportional set size counts a page that several processes share once; resident set size counts it in each. */
export async function usage(pids: readonly number[]): Promise<{ pss: number; rss: number }> {
  let pss = 0;
  let rss = 0;
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
    pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1]);
    rss += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1]);
  }
  return { pss: Math.round(pss / 1024), rss: Math.round(rss / 1024) };
}
