/** What an SFTP request would do, as facts; and what the relay has to know of it. Paths come from the stream itself. */
import type { Assurance, Facts } from '../../../contract/operation.js';
import { SFTP_HANDLE, SFTP_REQUEST } from '../codec/limits.js';
import { OPEN, SFTP } from '../codec/sftp.js';
import type { WireReader } from '../codec/wire.js';
import { factsFor, unknownFacts } from '../operations.js';
import { folderOf, pathResource } from './sftp-paths.js';

export type SftpRequest =
  /** Something with paths: judged by itself. */
  | { readonly kind: 'judged'; readonly facts: Facts; readonly text: string; readonly opens: string | null; readonly forbidden: string | null }
  /** Something with a handle, under the verdict of its opening. */
  | { readonly kind: 'handle'; readonly handle: string; readonly closes: boolean; readonly offset: bigint | null }
  /** What the server can do: nothing happens. */
  | { readonly kind: 'free' };

const ENFORCED: Assurance = 'enforced';

interface End {
  readonly action: string;
  readonly path: string;
  readonly mode?: string;
  /** Where it counts from, when not from where SFTP starts; null: that is not known. */
  readonly from?: string | null;
}

function judged(verb: string, ends: readonly End[], home: string | null, opens: string | null = null): SftpRequest {
  const facts = factsFor(
    `${verb} ${ends.map(({ path }) => path).join(' to ')}`,
    ...ends.map(({ action, path, mode, from = home }) => ({
      action,
      resource: pathResource(path, from),
      facts: { path, ...(mode === undefined ? {} : { mode }), assurance: ENFORCED },
    })),
  );
  return { kind: 'judged', facts, text: facts.summary, opens, forbidden: null };
}

function forbidden(what: string): SftpRequest {
  return { kind: 'judged', facts: unknownFacts(what), text: what, opens: null, forbidden: what };
}

/** @throws GwError `protocol.violation` for a packet that is not what its type says */
export function readRequest(type: number, reader: WireReader, home: string | null): SftpRequest {
  const path = (): string => reader.string(SFTP_REQUEST).toString('utf8');
  const handle = (): string => reader.string(SFTP_HANDLE).toString('latin1');
  const one = (verb: string, action: string, opens = false): SftpRequest => {
    const name = path();
    return judged(verb, [{ action, path: name }], home, opens ? name : null);
  };
  const two = (verb: string, action: string): SftpRequest =>
    judged(
      verb,
      [
        { action, path: path(), mode: 'from' },
        { action, path: path(), mode: 'to' },
      ],
      home,
    );
  switch (type) {
    case SFTP.open:
      return openRequest(path(), reader.uint32(), home);
    case SFTP.opendir:
      return one('lists', 'sftp.list', true);
    case SFTP.close:
      return { kind: 'handle', handle: handle(), closes: true, offset: null };
    case SFTP.read:
    case SFTP.write:
      return { kind: 'handle', handle: handle(), closes: false, offset: reader.uint64() };
    case SFTP.fstat:
    case SFTP.readdir:
      return { kind: 'handle', handle: handle(), closes: false, offset: null };
    case SFTP.stat:
    case SFTP.lstat:
    case SFTP.readlink:
    case SFTP.realpath:
      return one('looks at', 'sftp.stat');
    case SFTP.setstat:
      return one('changes the attributes of', 'sftp.setstat');
    case SFTP.remove:
      return one('removes', 'sftp.remove');
    case SFTP.mkdir:
      return one('makes the folder', 'sftp.mkdir');
    case SFTP.rmdir:
      return one('removes the folder', 'sftp.rmdir');
    case SFTP.rename:
      return two('moves', 'sftp.rename');
    case SFTP.symlink:
      return symlink(path(), path(), home);
    case SFTP.extended:
      return extended(reader, { one, two, handle });
    default:
      return forbidden(`the SFTP request ${type} is not known`);
  }
}

/** The path of a handle whose attributes are changed. */
export const changesHandle = (path: string, home: string | null): SftpRequest => judged('changes the attributes of', [{ action: 'sftp.setstat', path }], home);

/** As OpenSSH has it: what is linked to comes first, and stands in the link as it is, so that it counts from the link's folder. */
function symlink(to: string, link: string, home: string | null): SftpRequest {
  return judged(
    'links',
    [
      { action: 'sftp.link', path: to, mode: 'from', from: folderOf(link, home) },
      { action: 'sftp.link', path: link, mode: 'to' },
    ],
    home,
  );
}

function openRequest(path: string, flags: number, home: string | null): SftpRequest {
  const writes = (flags & ~OPEN.read) !== 0;
  const mode = (flags & OPEN.append) !== 0 ? 'append' : 'write';
  const ends: End[] = [];
  if ((flags & OPEN.read) !== 0 || !writes) ends.push({ action: 'sftp.read', path });
  if (writes) ends.push({ action: 'sftp.write', path, mode });
  const verb = !writes ? 'reads' : ends.length === 2 ? 'reads and writes' : mode === 'append' ? 'appends to' : 'writes';
  const request = judged(verb, ends, home, path);
  // Both effects name the one path.
  return request.kind === 'judged' ? { ...request, text: `${verb} ${path}`, facts: { ...request.facts, summary: `${verb} ${path}` } } : request;
}

interface Asks {
  one(verb: string, action: string): SftpRequest;
  two(verb: string, action: string): SftpRequest;
  handle(): string;
}

const ofHandle = ({ handle }: Asks): SftpRequest => ({ kind: 'handle', handle: handle(), closes: false, offset: null });
const free = (): SftpRequest => ({ kind: 'free' });

const EXTENSIONS: ReadonlyMap<string, (asks: Asks) => SftpRequest> = new Map([
  ['posix-rename@openssh.com', ({ two }) => two('moves', 'sftp.rename')],
  ['hardlink@openssh.com', ({ two }) => two('links', 'sftp.link')],
  ['statvfs@openssh.com', ({ one }) => one('looks at', 'sftp.stat')],
  ['expand-path@openssh.com', ({ one }) => one('looks at', 'sftp.stat')],
  ['lsetstat@openssh.com', ({ one }) => one('changes the attributes of', 'sftp.setstat')],
  ['fstatvfs@openssh.com', ofHandle],
  ['fsync@openssh.com', ofHandle],
  ['limits@openssh.com', free],
  ['users-groups-by-id@openssh.com', free],
]);

/** Hosts have more. */
export const CARRIED_EXTENSIONS: ReadonlySet<string> = new Set(EXTENSIONS.keys());

function extended(reader: WireReader, asks: Asks): SftpRequest {
  const name = reader.name();
  return EXTENSIONS.get(name)?.(asks) ?? forbidden(`the SFTP extension "${name}" is not carried`);
}
