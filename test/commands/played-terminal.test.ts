/**
 * A session at a terminal, recorded twice: by the gateway and by the client. Both recordings, read by asciinema's player, leave the screen as the user saw
 * it: colours, another size, the alternate screen, characters of several bytes and cells, scrolling in a region, line drawing.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from '../gateway/gateway-world.js';
import { ROOT } from '../support/build-cli.js';
import { playCast, type Shown, screenOf } from '../support/played-cast.js';
import { type RealSshd, startRealSshd } from '../support/real-sshd.js';
import { type CliHome, makeHome } from '../support/run-cli.js';

const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

const SIZE = { cols: 70, rows: 18 };
const LARGER = { cols: 91, rows: 27 };
const [AT_FIRST, READY, OTHER, END] = ['first-size', 'ready-for-another-size', 'in-the-other-screen', 'the-very-end'] as const;

/** What is written; words of the marks are put together there, so that the echo of the command shows none of them. */
const SCRIPT = String.raw`
mark() { printf '%s' "$1-$2"; test -z "$3" || printf '%s' "-$3"; test -z "$4" || printf '%s' "-$4"; }
printf '\033[H\033[2J\033[3J'
stty size
printf 'plain \033[1;31mbold red\033[0m \033[48;5;21;38;5;230mindexed\033[0m \033[38;2;10;200;30;4mtrue colour\033[0m\r\n'
printf 'gr\303\274\303\237e \346\274\242\345\255\227 \360\237\231\202 e\314\201 | after wide ones\r\n'
printf '\033(0lqqqk\033(B a long line that wraps: '; seq -s, 1 60; mark first size; printf '\r\n'
trap 'another=1' WINCH
mark ready for another size; printf '\r\n'
while test -z "$another"; do sleep 0.02; done
stty size
printf '\033[?1049h\033[2J\033[3;7H\033[7mthe alternate screen\033[0m\033[12;1H\033[4;20r\033[20;1H'; seq 1 40 | tr '\n' ' '
printf '\033[r\033[5;9H\033[32m'; mark in the other screen
read line
printf '\033[0m\033[?1049l'; seq 1 50; printf '\033[5A\033[3Cup\033[2Kgone\033[s\033[10;40Hfar\033[u back\r\n'
mark the very end; printf '\r\n'
exit 3
`;

let world: GatewayWorld;
let gateway: RunningGateway;
let sshd: RealSshd;
let home: CliHome;
let env: Record<string, string>;
let saw: readonly Shown[];
let cast: { readonly ofGateway: string; readonly ofClient: string };

beforeAll(async () => {
  [world, sshd, home] = await Promise.all([startGatewayWorld(), startRealSshd(), makeHome()]);
  await writeFile(join(world.dir, 'key'), sshd.key, { mode: 0o600 });
  await writeFile(join(sshd.dir, 'script'), SCRIPT);
  await world.writePolicy(POLICY);
  const target = { name: 'web-1', protocol: 'ssh', address: `127.0.0.1:${sshd.port}`, options: { hostKeys: [sshd.hostKey] } };
  await world.configure({ targets: [{ ...target, credential: { username: sshd.username, key: { file: 'key' } } }] });
  gateway = await world.start();
  await writeFile(join(world.dir, 'ca.pem'), world.ca);
  env = { GW_GATEWAY: gateway.url, GW_CA_FILE: join(world.dir, 'ca.pem'), GW_ID_TOKEN: await world.token('ann') };
  saw = await atTerminal();
  const token = env['GW_ID_TOKEN'] ?? '';
  const [session] = (await world.api(gateway, '/api/v1/sessions', { token })).json['sessions'] as { id: string; clientRecording: string }[];
  const exported = (argv: readonly string[]) => home.run([...argv], { env });
  const [ofGateway, ofClient] = [
    await exported(['sessions', 'export', session?.id ?? '', '--format', 'asciicast']),
    await exported(['recordings', 'export', session?.clientRecording ?? '']),
  ];
  expect([ofGateway.code, ofClient.code], ofGateway.stderr + ofClient.stderr).toEqual([0, 0]);
  cast = { ofGateway: ofGateway.stdout, ofClient: ofClient.stdout };
});
afterAll(async () => {
  await home?.remove();
  await sshd?.[Symbol.asyncDispose]();
  await world?.close();
});

/** Runs the script through gw at a terminal of its own; gives what went to that terminal. */
async function atTerminal(): Promise<Shown[]> {
  const shown: Shown[] = [SIZE];
  const argv = [join(ROOT, 'bin/run.js'), 'ssh', 'web-1', '--record', '--', '-t', `LC_ALL=C.UTF-8 bash ${join(sshd.dir, 'script')}`];
  const pty = spawn(process.execPath, argv, { ...SIZE, name: 'xterm-256color', cwd: home.folder, env: { ...home.env, ...env }, encoding: null });
  const decoder = new TextDecoder();
  let text = '';
  const [resized, answered] = [new AbortController(), new AbortController()];
  pty.onData((data) => {
    const output = decoder.decode(data as unknown as Buffer, { stream: true });
    shown.push({ output });
    text += output;
    if (text.includes(READY) && !resized.signal.aborted) {
      resized.abort();
      pty.resize(LARGER.cols, LARGER.rows);
      shown.push(LARGER);
    }
    if (text.includes(OTHER) && !answered.signal.aborted) {
      answered.abort();
      pty.write('\r');
    }
  });
  const ended = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
  expect(await ended, text).toBe(3);
  return shown;
}

describe.each(['ofGateway', 'ofClient'] as const)('the recording %s', (which) => {
  it.each([AT_FIRST, OTHER, END])('leaves the screen at "%s" as the user saw it', async (mark) => {
    const screen = await screenOf(await playCast(cast[which]), mark);
    expect(screen).toEqual(await screenOf(saw, mark));
    expect(JSON.stringify(screen)).toContain(mark);
  });

  it('shows nothing at all where it is not played to', async () => {
    await expect(screenOf(await playCast(cast[which]), 'never written')).rejects.toThrow('was never shown');
  });
});

it('the test itself sees colours, sizes, both screens and wide characters', async () => {
  const at = async (mark: string) => JSON.stringify(await screenOf(saw, mark));
  expect(await at(AT_FIRST)).toContain('"size":"70x18","screen":"normal"');
  for (const part of ['18 70', '漢字 🙂 e\u0301', '┌───┐', '{16777216 1 0 -1 1 0 0 0 0}bold red']) expect(await at(AT_FIRST)).toContain(part);
  expect(await at(OTHER)).toContain('"size":"91x27","screen":"alternate"');
  expect(await at(END)).toContain('"size":"91x27","screen":"normal"');
});

it('the recording of the client ends as the terminal did, with the last words of ssh', async () => {
  expect(await screenOf(await playCast(cast.ofClient))).toEqual(await screenOf(saw));
});

it('a cast with another colour, a lost byte or another size does not pass for the same', async () => {
  const wanted = await screenOf(saw, END);
  for (const change of [
    (text: string) => text.replace('[1;31m', '[1;32m'),
    (text: string) => text.replace('indexed', 'indxed'),
    (text: string) => text.replace(`"r","${LARGER.cols}x`, `"r","${LARGER.cols - 9}x`),
  ]) {
    const changed = change(cast.ofClient);
    expect(changed).not.toBe(cast.ofClient);
    const mark = changed.includes('[1;32m') || changed.includes('indxed') ? AT_FIRST : END;
    expect(await screenOf(await playCast(changed), mark)).not.toEqual(mark === END ? wanted : await screenOf(saw, AT_FIRST));
  }
});
