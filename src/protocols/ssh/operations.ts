/** The words that policy can match, and how a request becomes an operation. */
import type { Assurance, Effect, Facts, FactValue, Operation } from '../../contract/operation.js';
import type { ActionDescriptor, FactDescriptor } from '../../contract/protocol.js';

const action = (name: string, description: string, ...facts: readonly string[]): ActionDescriptor => ({ name, description, facts: [...facts, 'assurance'] });

const byRule = (who: NonNullable<ActionDescriptor['byRule']>, of: ActionDescriptor): ActionDescriptor => ({ ...of, byRule: who });

export const actions: readonly ActionDescriptor[] = [
  byRule('agents', action('ssh.shell', 'Opens an interactive shell. What is typed in it is recorded as far as it is shown, and not decided on.', 'terminal')),
  action('ssh.exec', 'Runs a program: one for each program in the command, wherever it stands.', 'program', 'arguments', 'expanded', 'piped'),
  action('ssh.redirect', "A command's redirection reads or writes a file.", 'mode', 'path'),
  byRule('agents', action('ssh.subsystem', 'Starts a subsystem other than SFTP.')),
  byRule('everyone', action('ssh.env', 'Sets a variable of the environment. LANG and LC_* need no permission.')),
  byRule('everyone', action('ssh.forward.local', 'Opens a connection from the target to an address (ssh -L, -D, -W, -J).')),
  byRule('everyone', action('ssh.forward.local_socket', 'Opens a connection from the target to a local socket of it.')),
  byRule('everyone', action('ssh.forward.remote', 'Listens on the target (ssh -R), and each connection that comes in there.')),
  byRule('everyone', action('ssh.forward.remote_socket', 'Listens on a local socket of the target, and each connection that comes in there.')),
  byRule('everyone', action('ssh.forward.agent', "Lends the client's agent to the target, and each use of it.")),
  byRule('everyone', action('ssh.forward.x11', "Lends the client's display to the target, and each use of it.")),
  byRule('everyone', action('ssh.tunnel', 'Opens a network tunnel (ssh -w).')),
  action('sftp.session', 'Starts SFTP. What is done in it is decided one by one.'),
  action('sftp.read', 'Opens a file to read it.', 'path'),
  action('sftp.write', 'Opens a file to write it; what is in it may be lost.', 'path', 'mode'),
  action('sftp.list', 'Reads the names in a folder.', 'path'),
  action('sftp.stat', 'Asks what a file is: size, times, rights, where a link leads, how full a disk is.', 'path'),
  action('sftp.setstat', 'Changes size, owner, rights or times of a file.', 'path'),
  action('sftp.mkdir', 'Makes a folder.', 'path'),
  action('sftp.rmdir', 'Removes a folder.', 'path'),
  action('sftp.remove', 'Removes a file.', 'path'),
  action('sftp.rename', 'Moves a file: an effect for the old path, and one for the new.', 'path', 'mode'),
  action('sftp.link', 'Makes a symbolic or hard link: an effect for each of its ends.', 'path', 'mode'),
  action('unknown', 'What it does cannot be known, or is not known in part.'),
];

const fact = (name: string, description: string, type: FactDescriptor['type'], values: readonly string[] | null = null): FactDescriptor => ({
  name,
  description,
  type,
  values,
});

export const facts: readonly FactDescriptor[] = [
  fact(
    'assurance',
    'What a decision on it is worth. enforced: nothing else happens. parsed: read from a text that a shell reads again. observed: what is done later is only recorded.',
    'string',
    ['enforced', 'parsed', 'observed'],
  ),
  fact('program', 'Name of the program without its folder; empty where it is not known.', 'string'),
  fact('arguments', 'Arguments, quotes removed; one that is not known as it is written.', 'strings'),
  fact('expanded', 'The shell puts something in the place of an argument (*, ~, $).', 'boolean'),
  fact('piped', "Another command's output is its input.", 'boolean'),
  fact('mode', 'read, write (what is there is lost), append; of two paths: from, to.', 'string', ['read', 'write', 'append', 'from', 'to']),
  fact('path', 'The path as it was written, quotes removed.', 'string'),
  fact('terminal', 'With a terminal.', 'boolean'),
];

export const resources: Readonly<Record<string, readonly string[]>> = {
  program: ['name'],
  path: ['path'],
  subsystem: ['name'],
  variable: ['name'],
  address: ['host', 'port'],
};

export function effectOf(
  name: string,
  resource: { readonly type: string; readonly name: readonly (string | null)[] } | null,
  more: Readonly<Record<string, FactValue>> = {},
  assurance: Assurance = 'enforced',
): Effect {
  return { action: name, resource: resource === null ? null : { ...resource, columns: [] }, facts: { ...more, assurance } };
}

export const factsFor = (summary: string, ...effects: readonly Effect[]): Facts => ({ effects, unknown: [], summary, redacted: null });

/** Of something that gw does not know, or does not carry: it is recorded, and refused whatever policy says. */
export const unknownFacts = (why: string): Facts => ({ effects: [effectOf('unknown', null)], unknown: [why], summary: why, redacted: null });

export function operationOf(form: string, known: Facts, exact: Uint8Array, forbidden: string | null = null, terminal = false): Operation {
  return { ...(terminal ? { keeps: 'whole' } : {}), facts: known, exact, parameters: null, forbidden, parameterTypes: null, reach: 'whole', form };
}
