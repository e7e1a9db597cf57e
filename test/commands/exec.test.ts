/** `gw exec` with the real CLI: environment, several targets, exit codes, signals, and that a login is never asked for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeGateway, lineTarget, startFakeGateway } from '../support/fake-gateway.js';
import { LINE_CLIENT } from '../support/line-client.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

/** Says that it is ready, then what it was sent, and how it ends is up to the signal. */
const SIGNALLED = `#!/usr/bin/env node
process.on('SIGUSR1', () => process.stdout.write('got SIGUSR1\\n'));
if (process.argv[2] === 'keep') process.on('SIGINT', () => { process.stdout.write('got SIGINT\\n'); process.exit(7); });
process.stdout.write('ready ' + process.pid + '\\n');
setInterval(() => undefined, 1000);
`;

let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  await home.program('gwt-client', LINE_CLIENT);
  await home.program('signalled', SIGNALLED);
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    targets: [lineTarget('bank-db'), lineTarget('ledger-2', { database: 'ledger' }), lineTarget('bank_db')],
  });
  await home.trust(gateway.port, authority.ca);
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('ci-bot') };
});

afterAll(async () => {
  await gateway.close();
  await home.remove();
});

describe('gw exec', () => {
  it('gives any command the environment of the target', async () => {
    const result = await home.run(['exec', 'bank-db', '--', 'sh', '-c', 'gwt-client one && gwt-client two'], { env });
    expect(result).toMatchObject({ code: 0, stdout: 'welcome\nONE\nwelcome\nTWO\n', stderr: '' });
  });

  it('gives the first of several targets the plain names, and each its prefix', async () => {
    const { stdout } = await home.run(['exec', '-t', 'bank-db', '-t', 'ledger-2', '--', 'gwt-client', '--dump'], { env });
    const { env: seen } = JSON.parse(stdout) as { env: Record<string, string> };
    expect(seen['GWT_PORT']).toBe(seen['BANK_DB_GWT_PORT']);
    expect(seen['LEDGER_2_GWT_PORT']).not.toBe(seen['BANK_DB_GWT_PORT']);
    expect(seen['LEDGER_2_GWT_NAME']).toBe('ledger');
    expect(seen['LEDGER_2_URL']).toBe(`line://ledger-2:${seen['GWT_SECRET'] ?? ''}@127.0.0.1:${seen['LEDGER_2_GWT_PORT'] ?? ''}/ledger`);
  });

  it('reaches both targets', async () => {
    await home.run(['exec', '-t', 'bank-db', '-t', 'ledger-2', '--', 'sh', '-c', 'gwt-client a && GWT_PORT=$LEDGER_2_GWT_PORT gwt-client b'], { env });
    expect(gateway.hellos.slice(-2).map((hello) => hello.target)).toEqual(['bank-db', 'ledger-2']);
  });

  it('passes standard input, exit code and standard error through', async () => {
    const result = await home.run(['exec', 'bank-db', '--', 'sh', '-c', 'cat; echo oops >&2; exit 23'], { env, input: 'line in\n' });
    expect(result).toEqual({ code: 23, signal: null, stdout: 'line in\n', stderr: 'oops\n' });
  });

  it('ends by the signal that ended the command', async () => {
    expect(await home.run(['exec', 'bank-db', '--', 'sh', '-c', 'kill -9 $$'], { env })).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(await home.run(['exec', 'bank-db', '--', 'sh', '-c', 'kill -TERM $$'], { env })).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('passes signals on to the command', async () => {
    const cli = home.start(['exec', 'bank-db', '--', 'signalled'], { env });
    await cli.stdoutHas('ready');
    cli.child.kill('SIGUSR1');
    await cli.stdoutHas('got SIGUSR1');
    cli.child.kill('SIGTERM');
    expect(await cli.done).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('without a terminal, passes an interrupt on and lets the command decide', async () => {
    const cli = home.start(['exec', 'bank-db', '--', 'signalled', 'keep'], { env });
    await cli.stdoutHas('ready');
    cli.child.kill('SIGINT');
    expect(await cli.done).toMatchObject({ code: 7, signal: null });
    expect((await cli.done).stdout).toContain('got SIGINT');
  });

  it.each([
    [['exec', 'bank-db'], 2, 'no command'],
    [['exec', 'bank-db', '--', 'no-such-program-anywhere'], 2, 'was not found'],
    [['exec', '--', 'true'], 2, 'Which target'],
    [['exec', 'bank-db', '-t', 'ledger-2', '--', 'true'], 2, 'not both'],
    [['exec', '-t', 'bank-db', '-t', 'bank_db', '--', 'true'], 2, 'BANK_DB_'],
    [['exec', 'nowhere', '--', 'true'], 3, 'no target'],
  ] as const)('%j ends with %i', async (argv, code, words) => {
    const result = await home.run(argv, { env });
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(words);
  });

  it('uses the default target of GW_TARGET', async () => {
    expect(await home.run(['exec', '--', 'gwt-client', 'x'], { env: { ...env, GW_TARGET: 'ledger-2' } })).toMatchObject({ code: 0, stdout: 'welcome\nX\n' });
  });

  it('never asks: without a login it ends with 4, as JSON too', async () => {
    const plain = { GW_GATEWAY: gateway.url };
    expect(await home.run(['exec', 'bank-db', '--', 'true'], { env: plain })).toMatchObject({ code: 4, stdout: '' });
    const json = await home.run(['exec', 'bank-db', '--json', '--', 'true'], { env: plain });
    expect(json.code).toBe(4);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'login.required', retryable: false } });
  });

  it('does not take the flags of the command for its own', async () => {
    expect(await home.run(['exec', 'bank-db', '--', 'echo', '--json', '--help', '--version'], { env })).toMatchObject({
      code: 0,
      stdout: '--json --help --version\n',
    });
  });
});
