/** A whole world on a machine without an sshd: web-1 is there all the same, the world says which server it is, and that it ended by itself. */
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { worldJson, worldPage } from '../../src/quickstart/print-world.js';
import { type RunningQuickstart, startQuickstart } from '../../src/quickstart/start-quickstart.js';
import { serverAccount } from '../../src/store/server-account.js';
import { buildCli } from '../support/build-cli.js';
import { type ProgramResult, runProgram } from '../support/run-program.js';
import { worldEnvironment } from '../support/world-environment.js';

let home = '';
let running: RunningQuickstart;

beforeAll(async () => {
  await buildCli();
  home = realpathSync(mkdtempSync(join(tmpdir(), 'gw-quickstart-host-')));
  chmodSync(home, 0o711);
  running = await startQuickstart({
    dir: join(home, 'world'),
    port: 0,
    scale: null,
    trustFile: (gateway) => join(home, 'config', 'gw', 'gateways', `${gateway.hostname}_${gateway.port}.pem`),
    progress: () => undefined,
    signal: new AbortController().signal,
    sshdFolders: [],
  });
});
afterAll(async () => {
  await running?.stop(5_000);
  rmSync(home, { recursive: true, force: true });
});

async function gw(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<ProgramResult> {
  return runProgram(process.execPath, ['bin/run.js', ...args], { env: { ...worldEnvironment(home), ...more } });
}

async function asAlice(args: readonly string[]): Promise<ProgramResult> {
  const token = (await gw(['quickstart', 'token', 'alice', '--dir', join(home, 'world')])).stdout.trim();
  return gw(args, { GW_GATEWAY: running.world.gateway, GW_ID_TOKEN: token });
}

describe('a world without an sshd', () => {
  test('says which server web-1 has', () => {
    expect(running.world.web).toMatchObject({ host: '127.0.0.1', server: "gw's own small server" });
    expect(worldPage(running.world, 'gw', 1)).toMatch(/web-1 +gw's own small server on 127\.0\.0\.1:\d+/);
    expect(worldJson(running.world)).toMatchObject({ targets: { 'web-1': { protocol: 'ssh', server: "gw's own small server" } }, leftOut: {} });
  });

  test('lets commands run that look, as its account, and refuses others as any host', async () => {
    const uid = (await serverAccount())?.uid ?? userInfo().uid;
    expect(await asAlice(['ssh', 'web-1', '--no-wait', '--', 'id', '-u'])).toMatchObject({ code: 0, stdout: `${uid}\n` });
    expect(await asAlice(['ssh', 'web-1', '--no-wait', '--', 'cat', '/etc/passwd'])).toMatchObject({ code: 7, stdout: '' });
    expect(await asAlice(['ssh', 'web-1', '--no-wait', '--', 'false'])).toMatchObject({ code: 1 });
  });

  test('says so when that server ends by itself', async () => {
    // Beside it there is the shell that keeps it from outliving the world, and names it too.
    const found = await runProgram('pgrep', ['-f', `^${process.execPath} .*host-main\\.js ${join(home, 'world', 'targets', 'web-1')}`]);
    expect(found.stdout).toMatch(/^\d+\n$/);
    process.kill(Number(found.stdout), 'SIGKILL');
    expect(await running.broken).toMatchObject({ code: 'quickstart.start', message: "The server of web-1 (gw's own small server) ended by itself." });
  });
});
