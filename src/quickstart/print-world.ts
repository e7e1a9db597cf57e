/** What the quickstart says when it is ready: one JSON line for scripts, or a short page for people with exact commands to try. */
import { join } from 'node:path';
import { paintOut } from '../cli/terminal.js';
import { clientSecretFile } from './issuer-keys.js';
import { GATEWAY_AUDIENCE, LOGIN_CLIENT, MACHINES, PEOPLE } from './principals.js';
import type { World } from './start-quickstart.js';

/** The one line on stdout under `--json`. It holds the target's passwords: it is for the user who started the world. */
export function worldJson(world: World): Record<string, unknown> {
  const { directory, bank, web } = world;
  return {
    gateway: world.gateway,
    issuer: world.issuer,
    targets: {
      'bank-db': {
        protocol: 'postgres',
        directUrl: bank.directUrl.expose(),
        directRoleUrl: bank.directRoleUrl.expose(),
        nativeUrl: nativeUrl(world),
        host: bank.host,
        port: bank.port,
        database: bank.database,
        customers: bank.customers,
        scale: bank.scale,
      },
      ...('native' in web ? { 'web-1': { protocol: 'ssh', server: web.server, host: web.host, port: web.port } } : {}),
    },
    leftOut: 'native' in web ? {} : { 'web-1': web.leftOut },
    native: { postgres: world.native, ...('native' in web ? { ssh: web.native } : {}) },
    caFile: world.caFile,
    clientId: LOGIN_CLIENT,
    audience: GATEWAY_AUDIENCE,
    people: PEOPLE.map(({ name, email, groups }) => ({ name, kind: 'person', email, groups })),
    machines: MACHINES.map(({ name, kind, groups, owner }) => ({
      name,
      kind,
      groups,
      owner,
      clientId: name,
      clientSecretFile: clientSecretFile(directory.issuer, name),
    })),
    dir: directory.dir,
    config: directory.configFile,
    log: directory.logFile,
    pid: process.pid,
    gatewayPid: world.gatewayPid,
  };
}

/** URL for a client without the gw command; the password is a token. */
function nativeUrl(world: World): string {
  return `postgresql://bank-db@${world.native}/${world.bank.database}?sslmode=verify-full&sslrootcert=${encodeURIComponent(world.caFile)}`;
}

/**
 * @param command how this user starts gw
 * @param seconds how long it took to be ready
 */
export function worldPage(world: World, command: string, seconds: number): string {
  const { bold, cyan, dim, green } = paintOut;
  const { directory, bank, web } = world;
  const row = (name: string, value: string, more = ''): string => `  ${bold(name.padEnd(9))} ${value}${more === '' ? '' : `  ${dim(more)}`}`;
  const people = [
    ...PEOPLE.map(({ name, groups }) => `${name} (${groups.join(', ')})`),
    ...MACHINES.map(({ name, kind, owner }) => `${name} (${kind}${owner === null ? '' : ` of ${owner}`})`),
  ];
  const named = /[^\w./-]/.test(directory.dir) ? `'${directory.dir}'` : directory.dir;
  const tries: readonly (readonly [string, string])[] = [
    ['gw login', 'be alice: open the link, confirm the code, pick her'],
    ['gw ls', 'what alice can reach, and why'],
    [
      'gw psql bank-db -- -c "select full_name, ssn, balance from bank.customers join bank.accounts a on a.customer_id = customers.id limit 5"',
      'the real psql, through the gateway',
    ],
    ['gw psql bank-db -- -c "delete from ledger.entries"', 'refused, with the rule and what to do instead'],
    [
      'gw psql bank-db -- -c "update ledger.entries set memo = \'checked\' where id = 7"',
      `waits for a second person: in a third terminal be bob (GW_ID_TOKEN=$(gw quickstart token bob --dir ${named}) gw approve), or press Ctrl-C`,
    ],
    ...('native' in web
      ? ([
          ['gw ssh web-1 -- uname -s', 'the real ssh, through the gateway; what a command runs is decided, one program after the other'],
          ['gw ssh web-1 -- cat /etc/passwd', 'refused: no rule allows it. `gw ssh web-1` asks bob for a shell'],
        ] as const)
      : []),
    ['gw sessions ls', 'what was just done; then `gw sessions show ID`'],
  ];
  const lines = [
    '',
    `${green('●')} ${bold('gw quickstart')} is ready ${dim(`(${seconds.toFixed(1)} s)`)}`,
    '',
    row('gateway', cyan(world.gateway), `PostgreSQL clients without gw: ${world.native}`),
    row('bank-db', `PostgreSQL 18 on ${bank.host}:${bank.port}`, `${bank.customers.toLocaleString('en-US')} customers of a made-up bank`),
    'native' in web
      ? row('web-1', `${web.server} on ${web.host}:${web.port}`, `an account on this machine; ssh without gw: ${web.native}`)
      : row('web-1', 'is left out', web.leftOut),
    row('login', world.issuer, people.join(' · ')),
    row('edit', join(directory.gateway, 'gateway.yaml'), 'and policy/*.yaml beside it'),
    '',
    `${bold('Try it')} in another terminal:`,
    '',
    ...(command === 'gw' ? [] : [`  alias gw=${command}`]),
    `  export GW_GATEWAY=${world.gateway}`,
    '',
    ...tries.map(([line, why], index) => `  ${dim(`${index + 1}`)}  ${line}\n     ${dim(why)}`),
    '',
    dim(`For scripts: GW_ID_TOKEN=$(gw quickstart token ci-bot --dir ${named}) gw exec bank-db -- psql -c 'select 1'`),
    '',
    `${bold('Ctrl-C')} stops everything; the data stays in ${directory.dir}`,
    '',
  ];
  return `${lines.join('\n')}\n`;
}
