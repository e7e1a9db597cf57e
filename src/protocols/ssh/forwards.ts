/**
 * Channels that are opened to or from an address, and requests to listen: each is an operation of its own, in both directions (D8). What a
 * name resolves to is the target's affair: policy sees the name that was asked for. Where that is an unusual way to write another one (`127.1`,
 * `LocalHost.`), it sees both: a rule against one is not gone around with the other, and a rule for one does not reach further (D12).
 */
import type { Effect, Facts, Resource } from '../../contract/operation.js';
import { MESSAGE_BYTES, NAME_BYTES } from './codec/limits.js';
import type { WireReader } from './codec/wire.js';
import { effectOf, factsFor, unknownFacts } from './operations.js';
import { pathResource } from './sftp/sftp-paths.js';

export interface Asked {
  readonly facts: Facts;
  /** What was asked for, for people and for the record. */
  readonly text: string;
  readonly forbidden: string | null;
}

const asked = (text: string, ...effects: readonly Effect[]): Asked => ({ facts: factsFor(text, ...effects), text, forbidden: null });

const PORTS = 65_535;

function toAddress(action: string, text: string, host: string, port: number): Asked {
  // Who takes the last 16 bits of it would go elsewhere than was decided on.
  if (port > PORTS) return unheard(`the port ${port} is none`);
  const hosts = new Set([host, usualName(host)]);
  return asked(text, ...[...hosts].map((each) => effectOf(action, { type: 'address', name: [each, String(port)] })));
}

/** Numbers as inet_aton(3) takes them: one to four, decimal, octal or hexadecimal. */
const NUMBERS = /^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+)){0,3}$/;
const COLONS = /^[0-9a-f.]*:[0-9a-f.:]*$/;
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/** How a host is written mostly: small letters, no dot at the end, an address in the form that it is printed in. */
function usualName(host: string): string {
  const name = host.toLowerCase().replace(/(?<=[^.])\.$/, '');
  try {
    // The parser of URLs reads such numbers as the C library does (WHATWG URL, "IPv4 parser").
    if (NUMBERS.test(name)) return new URL(`http://${name}`).hostname;
    if (!COLONS.test(name)) return name;
    const short = new URL(`http://[${name}]`).hostname.slice(1, -1);
    const [, high = '', low = ''] = MAPPED.exec(short) ?? [];
    if (high === '') return short;
    const [first, last] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
    return [first >> 8, first & 0xff, last >> 8, last & 0xff].join('.');
  } catch {
    return name;
  }
}

/** As with files: who is allowed one folder gets to no other, and who is refused a socket gets to it by no other spelling. */
const socket = (path: string): Resource => pathResource(path, null);

function unheard(what: string): Asked {
  return { facts: unknownFacts(what), text: what, forbidden: what };
}

/** A CHANNEL_OPEN of the client; null for a session, which is nothing yet. `reader` stands behind the sizes. */
export function askedByClient(type: string, reader: WireReader): Asked | null {
  switch (type) {
    case 'session':
      return null;
    case 'direct-tcpip': {
      const host = reader.name();
      const port = reader.uint32();
      return toAddress('ssh.forward.local', `connects to ${host}:${port} from the target`, host, port);
    }
    case 'direct-streamlocal@openssh.com': {
      const path = reader.name(NAME_BYTES * 4);
      return asked(`connects to the socket ${path} of the target`, effectOf('ssh.forward.local_socket', socket(path)));
    }
    case 'tun@openssh.com':
      return asked('opens a network tunnel', effectOf('ssh.tunnel', null));
    default:
      return unheard(`a channel of the kind "${type}" is not known`);
  }
}

/** A CHANNEL_OPEN of the target. */
export function askedByTarget(type: string, reader: WireReader): Asked {
  switch (type) {
    case 'forwarded-tcpip': {
      const host = reader.name();
      const port = reader.uint32();
      return toAddress('ssh.forward.remote', `a connection to ${host}:${port} of the target comes to the client`, host, port);
    }
    case 'forwarded-streamlocal@openssh.com': {
      const path = reader.name(NAME_BYTES * 4);
      return asked(`a connection to the socket ${path} of the target comes to the client`, effectOf('ssh.forward.remote_socket', socket(path)));
    }
    case 'auth-agent@openssh.com':
      return asked('the target uses the agent of the client', effectOf('ssh.forward.agent', null));
    case 'x11':
      return asked('a program of the target uses the display of the client', effectOf('ssh.forward.x11', null));
    default:
      return unheard(`a channel of the kind "${type}" from the target is not known`);
  }
}

/** A GLOBAL_REQUEST of the client; `pass`: it says nothing about what happens. */
export function askedGlobally(type: string, reader: WireReader): Asked | 'pass' {
  switch (type) {
    case 'keepalive@openssh.com':
    case 'no-more-sessions@openssh.com':
    // Whoever may listen may stop listening.
    case 'cancel-tcpip-forward':
    case 'cancel-streamlocal-forward@openssh.com':
      return 'pass';
    case 'tcpip-forward': {
      const host = reader.name();
      const port = reader.uint32();
      return toAddress('ssh.forward.remote', `listens on ${host === '' ? '*' : host}:${port} of the target`, host, port);
    }
    case 'streamlocal-forward@openssh.com': {
      const path = reader.string(MESSAGE_BYTES).toString('utf8');
      return asked(`listens on the socket ${path} of the target`, effectOf('ssh.forward.remote_socket', socket(path)));
    }
    default:
      return unheard(`the request "${type}" is not known`);
  }
}
