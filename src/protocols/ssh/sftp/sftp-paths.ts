/** Paths of SFTP, of redirections and of forwarded sockets as policy sees them. The target follows links; what policy sees is the path that was asked for. */
import { posix } from 'node:path';
import type { Resource } from '../../../contract/operation.js';

/**
 * The absolute path, as far as it is certain from the text: one below the folder in which SFTP starts is completed with it, and one with
 * `..` in it stays unknown, because after a link it leads elsewhere than it reads.
 */
export function pathResource(path: string, home: string | null): Resource {
  return { type: 'path', name: [absolute(path, home)], columns: [] };
}

/** The folder that something is in; null: that is not certain from the text. */
export function folderOf(path: string, home: string | null): string | null {
  const whole = absolute(path, home);
  return whole === null ? null : posix.dirname(whole);
}

function absolute(path: string, home: string | null): string | null {
  if (path.split('/').includes('..') || path.includes('\u{fffd}') || path.includes('\0')) return null;
  if (path.startsWith('/')) return tidy(path);
  if (home === null || path.startsWith('~')) return null;
  return tidy(path === '' || path === '.' ? home : `${home}/${path}`);
}

function tidy(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
