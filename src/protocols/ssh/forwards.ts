/**
 * Channels that are opened to or from an address, and requests to listen: each is an operation of its own, in both directions (D8). What a
 * name resolves to is the target's affair: policy sees the name that was asked for.
 */
import type { Effect, Facts } from '../../contract/operation.js';
import { MESSAGE_BYTES, NAME_BYTES } from './codec/limits.js';
import type { WireReader } from './codec/wire.js';
import { effectOf, factsFor, unknownFacts } from './operations.js';

export interface Asked {
  readonly facts: Facts;
  /** What was asked for, for people and for the record. */
  readonly text: string;
  readonly forbidden: string | null;
}

const asked = (text: string, effect: Effect): Asked => ({ facts: factsFor(text, effect), text, forbidden: null });
const address = (host: string, port: number): { readonly type: string; readonly name: readonly string[] } => ({ type: 'address', name: [host, String(port)] });
const socket = (path: string): { readonly type: string; readonly name: readonly string[] } => ({ type: 'path', name: [path] });

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
      return asked(`connects to ${host}:${port} from the target`, effectOf('ssh.forward.local', address(host, port)));
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
      return asked(`a connection to ${host}:${port} of the target comes to the client`, effectOf('ssh.forward.remote', address(host, port)));
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
      return asked(`listens on ${host === '' ? '*' : host}:${port} of the target`, effectOf('ssh.forward.remote', address(host, port)));
    }
    case 'streamlocal-forward@openssh.com': {
      const path = reader.string(MESSAGE_BYTES).toString('utf8');
      return asked(`listens on the socket ${path} of the target`, effectOf('ssh.forward.remote_socket', socket(path)));
    }
    default:
      return unheard(`the request "${type}" is not known`);
  }
}
