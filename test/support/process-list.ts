/** Processes of this machine by the kernel's own list, read in one go: what is found is what runs now. */
import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '../../src/base/error-code.js';

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

/** Whether a process is there; one that ended and was not waited for is not. */
export function isRunning(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat !== null && afterName(stat)[0] !== 'Z';
}

/** State, parent and what follows; a name may hold anything. */
const afterName = (stat: string): string[] => stat.slice(stat.lastIndexOf(')') + 2).split(' ');

function listProcesses(): ListedProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = read(`/proc/${name}/stat`);
    if (stat === null) return [];
    return [{ pid: Number(name), parent: Number(afterName(stat)[1]), command: read(`/proc/${name}/cmdline`) ?? '' }];
  });
}

/** Null: the process has ended. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(thrown))) return null;
    throw thrown;
  }
}
