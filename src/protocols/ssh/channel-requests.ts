/**
 * Requests of the client on a session channel (RFC 4254 section 6): each kind has its own decision (D8). What only describes a terminal passes, once
 * and before something runs, because what is kept of what runs depends on whether it has one; a shell, a command, a subsystem, a variable, an agent and a display are operations; what is not known is refused, and recorded.
 */

import type { Facts, Operation } from '../../contract/operation.js';
import type { Channel } from './channel.js';
import { COMMAND_BYTES, MESSAGE_BYTES, NAME_BYTES } from './codec/limits.js';
import { WireReader } from './codec/wire.js';
import type { Legs } from './legs.js';
import { effectOf, factsFor, operationOf, unknownFacts } from './operations.js';
import { SftpRelay } from './sftp/sftp-relay.js';
import { byteProgramOf } from './shell/byte-programs.js';
import { commandFacts } from './shell/command-facts.js';

const PASSING = new Set(['window-change', 'signal', 'break', 'eow@openssh.com']);
/** Variables that change words and formats, never what runs (D11), and values that no shell makes anything of. */
const HARMLESS_VARIABLE = /^(?:LANG|LANGUAGE|LC_[A-Z_]+)$/;
const HARMLESS_VALUE = /^[\w .,:@=+-]{0,255}$/;

export function clientRequest(payload: Buffer, channel: Channel, legs: Legs): void {
  const reader = new WireReader(payload, 5);
  const type = reader.name();
  const wantsReply = reader.boolean();
  if (channel.kind !== 'session') {
    unheard(`${type} on a channel of the kind ${channel.kind}`, channel, wantsReply);
    return;
  }
  if (type === 'pty-req') terminal(payload, reader, channel, wantsReply);
  else if (PASSING.has(type)) {
    if (type === 'window-change') resized(reader, channel, legs);
    pass(payload, channel, legs, wantsReply);
  } else if (type === 'env') variable(payload, reader, channel, legs, wantsReply);
  else if (type === 'shell' || type === 'exec' || type === 'subsystem') program(type, payload, reader, channel, legs, wantsReply);
  else if (type === 'auth-agent-req@openssh.com') lend('ssh.forward.agent', 'lends the agent of the client to the target', payload, channel, legs, wantsReply);
  else if (type === 'x11-req') lend('ssh.forward.x11', 'lends the display of the client to the target', payload, channel, legs, wantsReply);
  else unheard(`the request "${type}" is not known`, channel, wantsReply);
}

function unheard(why: string, channel: Channel, wantsReply: boolean): void {
  channel.ask(operationOf('request', unknownFacts(why), Buffer.from(why), why), () => refuse(channel, wantsReply));
}

function pass(payload: Buffer, channel: Channel, legs: Legs, wantsReply: boolean): void {
  if (wantsReply) channel.replies.remote();
  legs.up(legs.guard.transport(), payload);
}

function refuse(channel: Channel, wantsReply: boolean): void {
  if (wantsReply) channel.deny();
}

/** The target is made to say whether there is one. */
function terminal(payload: Buffer, reader: WireReader, channel: Channel, wantsReply: boolean): void {
  if (channel.taken || channel.terminal !== null) {
    unheard(`pty-req on a channel ${channel.taken ? 'on which something runs' : 'that has a terminal'}`, channel, wantsReply);
    return;
  }
  payload[reader.position - 1] = 1;
  channel.askTerminal(payload, { term: reader.name(), columns: reader.uint32(), rows: reader.uint32() }, wantsReply);
}

function resized(reader: WireReader, channel: Channel, legs: Legs): void {
  const size = { columns: reader.uint32(), rows: reader.uint32() };
  if (channel.terminal !== null) channel.terminal = { ...channel.terminal, ...size };
  if (channel.verdict !== null) legs.guard.note(channel.verdict, 'terminal.resize', size);
}

function variable(payload: Buffer, reader: WireReader, channel: Channel, legs: Legs, wantsReply: boolean): void {
  const name = reader.name();
  const value = reader.string(MESSAGE_BYTES);
  if (HARMLESS_VARIABLE.test(name) && HARMLESS_VALUE.test(value.toString('latin1'))) {
    pass(payload, channel, legs, wantsReply);
    return;
  }
  const facts = factsFor(`sets ${name}`, effectOf('ssh.env', { type: 'variable', name: [name] }));
  decide(operationOf('env', facts, Buffer.from(`${name}=${value.toString('utf8')}`)), payload, channel, legs, wantsReply);
}

function lend(action: string, summary: string, payload: Buffer, channel: Channel, legs: Legs, wantsReply: boolean): void {
  decide(operationOf('forward', factsFor(summary, effectOf(action, null)), Buffer.from(summary)), payload, channel, legs, wantsReply);
}

/** Something small that is over as soon as it is said. */
function decide(operation: Operation, payload: Buffer, channel: Channel, legs: Legs, wantsReply: boolean): void {
  const kept = Buffer.from(payload);
  channel.ask(operation, (verdict) => {
    if (!verdict.allowed) {
      refuse(channel, wantsReply);
      return;
    }
    if (wantsReply) channel.replies.remote();
    legs.up(verdict, kept);
    legs.guard.finish(verdict, 'ok', null);
  });
}

function program(type: string, payload: Buffer, reader: WireReader, channel: Channel, legs: Legs, wantsReply: boolean): void {
  if (channel.taken) {
    unheard(`${type} on a channel on which something runs`, channel, wantsReply);
    return;
  }
  channel.taken = true;
  const exact = type === 'shell' ? Buffer.from('shell') : Buffer.from(type === 'exec' ? reader.string(COMMAND_BYTES) : reader.string(NAME_BYTES));
  reader.end();
  const sftp = type === 'subsystem' && exact.toString('latin1') === 'sftp';
  const kept = Buffer.from(payload);
  const tooLong = forbidden(exact, legs);
  // What is refused anyhow is not read: reading takes the time of everybody.
  const facts = tooLong === null ? factsOf(type, exact, channel, legs) : unknownFacts(tooLong);
  const judged = operationOf(type, facts, exact, gone(channel) ?? tooLong, channel.terminal !== null);
  const damaged = channel.terminal === null ? damagedBy(facts, legs) : null;
  const operation: Operation = damaged === null ? judged : { ...judged, forbidden: damaged, forbiddenBy: 'masking' };
  channel.ask(operation, (verdict) => {
    if (!verdict.allowed) {
      channel.refuse(verdict, wantsReply);
      return;
    }
    if (channel.left || channel.serverClosed) {
      channel.abandon(verdict);
      return;
    }
    channel.begin(verdict);
    if (sftp) channel.sftp = new SftpRelay(channel, legs, verdict);
    if (wantsReply) channel.replies.remote();
    legs.up(verdict, kept);
  });
}

/** Why it would not come through whole where sensitive values are hidden in what commands say; null: it is not known that it would not. */
function damagedBy(facts: Facts, { guard }: Legs): string | null {
  const program = byteProgramOf(facts);
  if (program === null || (guard.masking()?.text?.output ?? null) === null) return null;
  return `${program} exchanges bytes with a program at the client, and values that policy hides in them would be damage; over SFTP (sftp, scp without -O) files stay as they are`;
}

/** Whoever asked, or was asked, left while the target was asked for a terminal. */
function gone(channel: Channel): string | null {
  if (channel.serverClosed) return 'the target closed the channel before';
  return channel.left ? 'its client left before' : null;
}

function forbidden(exact: Buffer, { statementLimit }: Legs): string | null {
  return exact.length > statementLimit ? `it is longer than the ${statementLimit} bytes that are judged` : null;
}

function factsOf(type: string, exact: Buffer, channel: Channel, legs: Legs): Facts {
  if (type === 'exec') return commandFacts(exact.toString('utf8'), legs.shell);
  if (type === 'shell') {
    const terminal = channel.terminal !== null;
    return factsFor(`opens a shell ${terminal ? 'on a terminal' : 'without a terminal'}`, effectOf('ssh.shell', null, { terminal }, 'observed'));
  }
  const name = exact.toString('utf8');
  if (name === 'sftp') return factsFor('starts SFTP', effectOf('sftp.session', null));
  return factsFor(`starts the subsystem ${name}`, effectOf('ssh.subsystem', { type: 'subsystem', name: [name] }, {}, 'observed'));
}
