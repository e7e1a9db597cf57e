/** A program of a session on a terminal of its own (a PTY), which is of the size of the client's and is resized with it. */
import type { Socket } from 'node:net';
import type { IPty } from '@lydell/node-pty';
import type { Channel, TerminalRequest } from 'ssh2';
import { signalName } from '../../base/signal-name.js';
import { wholeOutput } from '../../base/whole-output.js';
import { cannotRun } from './cannot-run.js';
import { ChannelWriter } from './channel-writer.js';
import { type Program, type RunningProgram, signalGroup } from './running-program.js';

// The library has a compiled part, which is not there on every kind of machine: then there are no terminals.
const library = await import('@lydell/node-pty').catch(() => null);

export const hasTerminals = library !== null;

/** Of output that waits for its client, bytes: from the first on the program waits too, until there is less than the second. */
const FULL = 1_048_576;
const ROOM = 262_144;
const USUAL = { cols: 80, rows: 24 };
const LARGEST = 65_535;

export function runInTerminal(channel: Channel, program: Program, request: TerminalRequest): RunningProgram {
  const writer = new ChannelWriter(channel);
  const pty = open(program, request);
  if ('cause' in pty) return cannotRun(writer, program, pty.cause);
  // The library hides whether what was typed has been taken.
  const { _socket: master } = pty as unknown as { readonly _socket: Socket };
  let waiting = 0;
  let paused = false;
  let exited = false;
  const output = wholeOutput(pty, (chunk) => {
    waiting += chunk.length;
    if (waiting > FULL && !paused) {
      paused = true;
      pty.pause();
    }
    void writer.write(chunk, 'stdout').then(() => {
      waiting -= chunk.length;
      if (!paused || waiting >= ROOM) return;
      paused = false;
      pty.resume();
    });
  });
  channel.on('data', (keys: Buffer) => {
    if (!exited && !master.destroyed && !master.write(keys)) channel.pause();
  });
  master.on('drain', () => channel.resume());
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    pty.onExit(({ exitCode, signal }) => resolve(signal === undefined || signal === 0 ? exitCode : signalName(signal)));
  }).then((how) => {
    exited = true;
    channel.resume();
    return writer.end(how);
  });
  return {
    signal: (name) => {
      if (!exited) signalGroup(pty.pid, name);
    },
    resize: (asked) => {
      if (!exited && !master.destroyed) pty.resize(sizeOf(asked.cols, USUAL.cols), sizeOf(asked.rows, USUAL.rows));
    },
    leave: () => output.close(),
    ended,
  };
}

function open(program: Program, { term, cols, rows }: TerminalRequest): IPty | { readonly cause: unknown } {
  try {
    if (library === null) return { cause: null };
    const size = { cols: sizeOf(cols, USUAL.cols), rows: sizeOf(rows, USUAL.rows) };
    return library.spawn(program.shell, [...program.args], { ...size, name: term, cwd: program.cwd, env: { ...program.env }, encoding: null });
  } catch (cause) {
    return { cause };
  }
}

/** A client that does not know how large it is says 0. */
const sizeOf = (asked: number, usual: number): number => (asked === 0 ? usual : Math.min(asked, LARGEST));
