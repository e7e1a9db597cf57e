/** What SFTP says of a file, of a name in a directory, and of a failure, as OpenSSH's server says it. */
import type { Stats } from 'node:fs';
import ssh2, { type FileAttributes, type FileName } from 'ssh2';

const { STATUS_CODE } = ssh2.utils.sftp;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** By the upper four bits of the mode (S_IFMT). */
const KINDS: Readonly<Record<number, string>> = { 12: 's', 10: 'l', 8: '-', 6: 'b', 4: 'd', 2: 'c', 1: 'p' };
/** Older files are listed with their year instead of the time of day, as `ls -l` does. */
const HALF_A_YEAR_MS = 182 * 86_400_000;

export const attributesOf = ({ size, uid, gid, mode, atimeMs, mtimeMs }: Stats): FileAttributes => ({
  size,
  uid,
  gid,
  mode,
  atime: Math.floor(atimeMs / 1000),
  mtime: Math.floor(mtimeMs / 1000),
});

/** `now`: milliseconds since 1970. */
export function nameOf(filename: string, stats: Stats, now: number): FileName {
  const { mtime, nlink, uid, gid, size } = stats;
  const time = `${String(mtime.getHours()).padStart(2, '0')}:${String(mtime.getMinutes()).padStart(2, '0')}`;
  const recent = now - mtime.getTime() < HALF_A_YEAR_MS && mtime.getTime() <= now;
  const date = `${MONTHS[mtime.getMonth()] ?? ''} ${String(mtime.getDate()).padStart(2)} ${recent ? time : String(mtime.getFullYear()).padStart(5)}`;
  const [links, owner, group] = [String(nlink).padStart(4), String(uid).padEnd(8), String(gid).padEnd(8)];
  return {
    filename,
    longname: `${lettersOf(stats.mode)} ${links} ${owner} ${group} ${String(size).padStart(8)} ${date} ${filename}`,
    attrs: attributesOf(stats),
  };
}

function lettersOf(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, index) => ((mode & (0o400 >> index)) === 0 ? '-' : letter));
  const special = [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const;
  for (const [bit, place, letter] of special) if ((mode & bit) !== 0) letters[place] = letters[place] === 'x' ? letter : letter.toUpperCase();
  return `${KINDS[mode >> 12] ?? '?'}${letters.join('')}`;
}

export function statusOf(code: string): number {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EBADF':
    case 'ELOOP':
      return STATUS_CODE.NO_SUCH_FILE;
    case 'EPERM':
    case 'EACCES':
      return STATUS_CODE.PERMISSION_DENIED;
    case 'EINVAL':
    case 'ENAMETOOLONG':
      return STATUS_CODE.BAD_MESSAGE;
    default:
      return STATUS_CODE.FAILURE;
  }
}
