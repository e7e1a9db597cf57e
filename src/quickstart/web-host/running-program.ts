/** A program that a session of web-1 runs, whichever way: what can be done to it. It leads a process group of its own. */
import { errorCode } from '../../base/error-code.js';

export interface Program {
  readonly shell: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface RunningProgram {
  /** To it and to what it started in its group; nothing when it has ended. */
  signal(name: NodeJS.Signals): void;
  /** Columns and rows of its terminal, where it has one. */
  resize(size: { readonly cols: number; readonly rows: number }): void;
  /** Its client is gone: nobody reads what it says, and nothing more comes in. */
  leave(): void;
  /** It has ended, and its client was told. Never rejects. */
  readonly ended: Promise<void>;
}

/** Only while its leader is not reaped: later the number may be another's. */
export function signalGroup(leader: number, name: NodeJS.Signals): void {
  try {
    process.kill(-leader, name);
  } catch (cause) {
    // ESRCH: it ended in this very moment. EPERM: all that is left of it belongs to somebody else by now.
    if (!['ESRCH', 'EPERM'].includes(errorCode(cause))) throw cause;
  }
}
