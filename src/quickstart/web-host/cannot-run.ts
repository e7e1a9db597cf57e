/** What a client on web-1 is told when the system does not start its program: why, and the exit status that shells give for it. */
import { errorCode } from '../../base/error-code.js';
import type { ChannelWriter } from './channel-writer.js';
import type { Program, RunningProgram } from './running-program.js';

export const CANNOT_RUN = 126;

export function cannotRun(writer: ChannelWriter, program: Program, cause: unknown): RunningProgram {
  const ended = writer.write(whyNot(program, cause), 'stderr').then(() => writer.end(CANNOT_RUN));
  return { signal: () => undefined, resize: () => undefined, leave: () => undefined, ended };
}

export const whyNot = ({ shell }: Program, cause: unknown): Buffer => Buffer.from(`web-1: ${shell} cannot be run: ${errorCode(cause)}\n`);
