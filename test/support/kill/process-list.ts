/** Processes of this machine by the kernel's own list, read in one go: what is found is what runs now. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ListedProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

export function childProcesses(parent: number): ListedProcess[] {
  return listProcesses().filter((each) => each.parent === parent);
}

/** The process and everything that it started, directly or not, as far as each one's parent still runs. */
export function processTree(root: number): number[] {
  const all = listProcesses();
  const tree = [root];
  // Grows while it is walked.
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((each) => each.pid));
  return tree;
}

function listProcesses(): ListedProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = read(`/proc/${name}/stat`);
    if (stat === null) return [];
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    return [{ pid: Number(name), parent, command: read(`/proc/${name}/cmdline`) ?? '' }];
  });
}

/** Null: the process has ended since it was listed. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw thrown;
  }
}
