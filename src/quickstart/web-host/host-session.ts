/**
 * One session on web-1: what it asks for before it begins (a terminal, words of its language), and then one program, one shell or SFTP. A
 * session whose client is gone ends with everything that it started and that has not left it.
 */
import type { Answer, Channel, Session, TerminalRequest } from 'ssh2';
import { NAMED_SIGNALS } from './channel-writer.js';
import { hasTerminals, runInTerminal } from './run-in-terminal.js';
import { runProgram } from './run-program.js';
import type { RunningProgram } from './running-program.js';
import { serveFiles } from './serve-files.js';

export interface HostAccount {
  readonly username: string;
  readonly shell: string;
  readonly home: string;
  readonly port: number;
}

export interface HostSession {
  /** What runs gets SIGHUP, as when somebody hangs up. */
  hangUp(): void;
  /** What still runs gets SIGKILL. */
  kill(): void;
  /** The channel is closed, and what ran in it has ended. */
  readonly ended: Promise<void>;
}

/** The only variables that are a client's to set. */
const VARIABLE = /^(?:LANG|LC_\w{1,32})$/;
const MAX_VARIABLES = 32;
const MAX_VALUE = 1_024;
const PATH = '/usr/local/bin:/usr/bin:/bin';

/** `peer`: address and port of the client, as SSH_CONNECTION has them. */
export function serveSession(session: Session, account: HostAccount, peer: string): HostSession {
  const variables = new Map<string, string>();
  let terminal: TerminalRequest | null = null;
  let running: RunningProgram | null = null;
  let gone = false;
  let over: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  const hangUp = (): void => {
    gone = true;
    if (running === null) over();
    else running.signal('SIGHUP');
    running?.leave();
  };
  session.on('close', hangUp);

  session.on('env', (accept, reject, { key, val }) => {
    const takes = VARIABLE.test(key) && val.length <= MAX_VALUE && !val.includes('\0') && (variables.has(key) || variables.size < MAX_VARIABLES);
    if (!takes) return reject?.();
    variables.set(key, val);
    accept?.();
  });
  session.on('pty', (accept, reject, request) => {
    if (!hasTerminals || request.term.includes('\0')) return reject?.();
    terminal = request;
    accept?.();
  });
  session.on('window-change', (accept, _reject, size) => {
    if (terminal !== null) terminal = { ...terminal, ...size };
    running?.resize(size);
    accept?.();
  });
  session.on('signal', (accept, reject, { name }) => {
    if (running === null || !NAMED_SIGNALS.includes(name)) return reject?.();
    running.signal(`SIG${name}` as NodeJS.Signals);
    accept?.();
  });

  const start = (accept: () => Channel | undefined, reject: Answer, command: string | null): void => {
    if (gone) {
      reject?.();
      return;
    }
    const channel = accept();
    // It asked to run something and closed the session in one breath.
    if (channel === undefined) return;
    const program = {
      shell: account.shell,
      // A shell of its own reads the profile of the account, as after any login.
      args: command === null ? ['-l'] : ['-c', command],
      cwd: process.cwd(),
      env: {
        ...Object.fromEntries(variables),
        HOME: account.home,
        USER: account.username,
        LOGNAME: account.username,
        SHELL: account.shell,
        PATH,
        SSH_CLIENT: `${peer} ${account.port}`,
        SSH_CONNECTION: `${peer} 127.0.0.1 ${account.port}`,
      },
    };
    running = terminal === null ? runProgram(channel, program) : runInTerminal(channel, program, terminal);
    void running.ended.then(over);
  };
  session.on('shell', (accept, reject) => start(accept, reject, null));
  session.on('exec', (accept, reject, { command }) => (command.includes('\0') ? reject?.() : start(accept, reject, command)));
  session.on('sftp', (accept) => {
    const files = accept();
    if (files !== undefined) serveFiles(files);
  });
  return { hangUp, kill: () => running?.signal('SIGKILL'), ended };
}
