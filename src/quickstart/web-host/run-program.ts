/** A program of a session without a terminal: both outputs apart, and its exit status or the signal that ended it as they were. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Channel } from 'ssh2';
import { CANNOT_RUN, cannotRun, whyNot } from './cannot-run.js';
import { ChannelWriter } from './channel-writer.js';
import { type Program, type RunningProgram, signalGroup } from './running-program.js';

export function runProgram(channel: Channel, program: Program): RunningProgram {
  const writer = new ChannelWriter(channel);
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(program.shell, [...program.args], { cwd: program.cwd, env: program.env, detached: true, stdio: 'pipe' });
  } catch (cause) {
    return cannotRun(writer, program, cause);
  }
  const { stdin, stdout, stderr, pid } = child;
  let failure: unknown = null;
  let exited = false;
  const status = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? CANNOT_RUN));
    child.once('error', (cause) => {
      failure = cause;
      resolve(CANNOT_RUN);
    });
  }).finally(() => {
    exited = true;
    // What still comes is for nobody; left unread it would keep the channel from closing.
    channel.unpipe(stdin);
    channel.resume();
  });
  channel.pipe(stdin);
  // A program need not read what it is given.
  stdin.on('error', () => {
    channel.unpipe(stdin);
    channel.resume();
  });
  const pump = async (source: Readable, output: 'stdout' | 'stderr'): Promise<void> => {
    try {
      for await (const chunk of source) await writer.write(chunk as Buffer, output);
    } catch (cause) {
      // It was closed from this side: the client has left.
      if (!source.destroyed) throw cause;
    }
  };
  const ended = Promise.all([status, pump(stdout, 'stdout'), pump(stderr, 'stderr')]).then(async ([how]) => {
    if (failure !== null) await writer.write(whyNot(program, failure), 'stderr');
    await writer.end(how);
  });
  return {
    signal: (name) => {
      if (!exited && pid !== undefined) signalGroup(pid, name);
    },
    resize: () => undefined,
    leave: () => {
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    },
    ended,
  };
}
