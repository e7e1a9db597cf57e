/** Relative paths that come from elsewhere and name a file within a directory. Pure. */

const PATH = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const LENGTH = 300;

/** Whether it names a file within a directory, by names that hide nothing and lead nowhere else. */
export function isInnerPath(path: string): boolean {
  return path.length <= LENGTH && PATH.test(path);
}
