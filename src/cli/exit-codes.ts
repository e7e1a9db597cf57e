/** The exit codes of gw: fixed, documented by `gw help exit-codes`, and taken from the error catalogue for every error. */
export interface ExitCode {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
}

export const EXIT_CODES: readonly ExitCode[] = [
  { code: 0, name: 'ok', meaning: 'The command did what it was asked to do.' },
  { code: 1, name: 'failure', meaning: 'It failed, and none of the codes below says why.' },
  { code: 2, name: 'usage', meaning: 'An argument, a flag, a settings file or a missing program on this machine.' },
  { code: 3, name: 'denied', meaning: 'Policy or the gateway does not allow it, or the target is not visible to you.' },
  { code: 4, name: 'login needed', meaning: 'There is no valid login: run `gw login`.' },
  { code: 5, name: 'approval pending', meaning: 'The operation waits for approval, and waiting was not wanted.' },
  { code: 6, name: 'approval denied', meaning: 'Approval was denied or expired.' },
  { code: 7, name: 'blocked', meaning: 'An operation was blocked; nothing of it reached the target.' },
  { code: 8, name: 'unreachable', meaning: 'The gateway or the target could not be reached or is not trusted.' },
  { code: 9, name: 'integrity', meaning: 'A record could not be written or does not verify.' },
  { code: 75, name: 'temporary', meaning: 'A limit or a moment of unavailability: try again later.' },
  { code: 130, name: 'interrupted', meaning: 'Ctrl-C ended it.' },
];

/** What `gw connect` and `gw exec` add to the table. */
export const WRAPPED_PROGRAM = 'The code of a program that gw runs passes through as it is, and a signal that ends the program ends gw in the same way.';
