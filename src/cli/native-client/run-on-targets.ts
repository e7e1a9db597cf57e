/** Runs one program against open targets and says how gw must end: as the program did, or with the reason why it never got through. */
import { childEnvironment } from '../environment.js';
import { sayError } from '../failure.js';
import { hasKeyboard } from '../terminal.js';
import { runAtTerminal } from './run-at-terminal.js';
import { dieLike, type ProgramEnd, type ProgramOptions, runProgram, shellCode } from './run-program.js';
import type { TargetAccess } from './target-access.js';

export interface TargetRun extends Omit<ProgramOptions, 'env'> {
  readonly env: Readonly<Record<string, string | null>>;
}

/**
 * Returns the exit code for gw. A program that failed because the gateway refused every connection to a target ends gw with the code of
 * that refusal (its reason was already said), and one that failed because an operation was not approved with the code of that; everything else
 * passes through.
 */
export async function runOnTargets(access: TargetAccess, run: TargetRun): Promise<number> {
  try {
    const end = await runAndRecord(access, { ...run, env: childEnvironment(run.env) });
    await access.close();
    const refusal = access.decisiveRefusal;
    if (end.kind === 'code' && shellCode(end) !== 0) {
      if (refusal !== null) return refusal.entry.exit;
      const held = await access.heldOutcome();
      if (held !== null) {
        sayError(held);
        return held.entry.exit;
      }
    }
    return await dieLike(end);
  } finally {
    await access.close();
  }
}

async function runAndRecord({ recorder }: TargetAccess, options: ProgramOptions): Promise<ProgramEnd> {
  if (recorder === null) return runProgram(options);
  let end: ProgramEnd | null = null;
  try {
    if (hasKeyboard()) end = await runAtTerminal(options, recorder);
    else {
      recorder.begins(options.command, { cols: 80, rows: 24, term: 'dumb' });
      end = await runProgram(options, recorder);
    }
    return end;
  } finally {
    await recorder.end(end === null ? null : end.kind === 'code' ? { code: end.code } : { signal: end.signal });
  }
}
