/** Why a file or directory could not be used, for messages: in words where they help more than the system's name for it. Node built-ins only. */
import { errorCode } from './error-code.js';

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'you may not',
  EPERM: 'you may not',
  EISDIR: 'it is a directory',
  ENOTDIR: 'what stands before the last name is no directory',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

export function fileProblem(thrown: unknown): string {
  const code = errorCode(thrown);
  return WORDS[code] ?? `the system says ${code}`;
}
