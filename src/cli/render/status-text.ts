/** `gw status` and `gw` alone, for people. */

import type { Status, StatusReport } from '../status.js';
import { paintOut, visible } from '../terminal.js';
import { accountsText } from './accounts-text.js';
import { duration, relativeTime } from './relative-time.js';

function line(name: string, value: string): string {
  return `${paintOut.dim(name.padEnd(10))}${value}`;
}

function loginLine({ login, problem }: Status, now: number): string {
  if (login === null) return line('login', problem === null ? 'none' : visible(problem.message));
  const behalf = login.onBehalfOf === null ? '' : ` for ${visible(login.onBehalfOf)}`;
  return line(
    'login',
    `${paintOut.bold(visible(login.name))} (${visible(login.kind)})${behalf}, ends ${relativeTime(login.expiresAt, now)}, from ${visible(login.origin)}`,
  );
}

/** How the login was authenticated, where the identity provider says it. */
function authenticationLines(login: Status['login']): string[] {
  const { amr = [], acr } = login ?? {};
  return [amr.length === 0 ? '' : line('amr', visible(amr.join(' '))), acr === undefined ? '' : line('acr', visible(acr))];
}

/** More are for `gw ls`. */
const TARGETS_SHOWN = 8;

/** How many are within reach, and as whom where policy names accounts. */
function targetLines(targets: NonNullable<Status['targets']>): string[] {
  const named = targets.flatMap(({ name, own, accounts }) => {
    const text = accountsText({ accounts, ownAccount: own });
    return text === '' ? [] : [`${visible(name)}: ${visible(text)}`];
  });
  const shown = named.slice(0, TARGETS_SHOWN).map((text, at) => line(at === 0 ? 'accounts' : '', text));
  const more = named.length > TARGETS_SHOWN ? [line('', `… and ${named.length - TARGETS_SHOWN} more targets; see \`gw ls\``)] : [];
  return [line('targets', `${targets.length} within reach`), ...shown, ...more];
}

/** `hint`: also print the command that helps. */
export function renderStatus(status: Status, now: number, hint = true): string {
  const reach = status.reachable === true ? `reachable, version ${visible(status.version ?? '')}` : status.reachable === false ? 'not reachable' : '';
  const lines = [
    line('gateway', status.gateway === null ? 'none' : `${status.gateway}${reach === '' ? '' : ` (${reach})`}`),
    status.context === null ? '' : line('context', status.context),
    loginLine(status, now),
    status.login === null || status.login.groups.length === 0 ? '' : line('groups', visible(status.login.groups.join(', '))),
    ...authenticationLines(status.login),
    ...(status.targets === null ? [] : targetLines(status.targets)),
    status.problem === null || !hint ? '' : line('next', visible(status.problem.hint)),
  ];
  return lines.filter((text) => text !== '').join('\n');
}

export interface NextStep {
  readonly command: string;
  readonly why: string;
}

/** Three things that make sense now. */
export function nextSteps({ status, waiting }: StatusReport): readonly NextStep[] {
  if (status.gateway === null) {
    return [
      { command: 'gw login --gateway https://HOST:PORT', why: 'log in to your gateway' },
      { command: 'gw quickstart', why: 'or start a complete one here, to try' },
      { command: 'gw help', why: 'see all commands' },
    ];
  }
  if (status.reachable === false) {
    return [
      { command: 'gw doctor', why: 'find out what is wrong' },
      { command: 'gw config', why: 'see which gateway is used, and why' },
      { command: 'gw help', why: 'see all commands' },
    ];
  }
  if (status.login === null) {
    return [
      { command: 'gw login', why: 'log in' },
      { command: 'gw doctor', why: 'check clock, TLS and this machine' },
      { command: 'gw help', why: 'see all commands' },
    ];
  }
  return [
    ...(waiting > 0 ? [{ command: 'gw approve', why: 'decide on what waits for you' }] : []),
    { command: 'gw ls', why: 'see the targets within your reach' },
    { command: 'gw connect TARGET', why: 'open one with its own client' },
    ...(waiting > 0 ? [] : [{ command: 'gw sessions ls', why: 'see what was done' }]),
  ];
}

export function renderOverview(report: StatusReport, now: number): string {
  const { status, sessions, waiting } = report;
  const parts = [renderStatus(status, now, false)];
  if (sessions.length > 0) {
    parts.push(
      [
        'Your live sessions:',
        ...sessions.map(
          (session) =>
            `  ${visible(session.id)}  ${visible(session.target)}  since ${duration(now - Date.parse(session.startedAt))}, ${session.operations} operations`,
        ),
      ].join('\n'),
    );
  } else if (status.login !== null) parts.push('You have no live sessions.');
  if (waiting > 0) parts.push(paintOut.bold(`${waiting} ${waiting === 1 ? 'request waits' : 'requests wait'} for your approval.`));
  const steps = nextSteps(report);
  const width = Math.max(...steps.map(({ command }) => command.length));
  parts.push(
    ['Next:', ...steps.map(({ command, why }) => `  ${paintOut.bold(command)}${' '.repeat(width - command.length)}  ${paintOut.dim(why)}`)].join('\n'),
  );
  return parts.join('\n\n');
}
