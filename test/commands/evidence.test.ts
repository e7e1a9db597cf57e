/** `gw evidence export` against a gateway that stops, breaks off or means harm in the middle of a pack: what is there afterwards is nothing. */
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

let home: CliHome;
let server: Server;
let env: Record<string, string>;
/** What the gateway answers; `hang` leaves the answer open. */
let answer: { readonly text: string; readonly end: 'end' | 'hang' | 'cut' };

const frame = (head: object, body = ''): string => `${JSON.stringify(head)}\n${body}`;
const file = (path: string, body: string, last = true): string => frame({ kind: 'file', path, bytes: Buffer.byteLength(body), last }, body);
const end = frame({ kind: 'end', result: { gateway: 'g', from: 'a', to: 'b', session: null, files: 1, bytes: 1, sections: [], failed: [] } });

beforeAll(async () => {
  home = await makeHome();
  const authority = await makeAuthority();
  const { cert, key } = await authority.issue();
  server = createServer({ cert, key }, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/vnd.gw.evidence' });
    response.write(answer.text);
    if (answer.end === 'end') response.end();
    else if (answer.end === 'cut') setImmediate(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await writeFile(join(home.folder, 'ca.pem'), authority.ca);
  env = { GW_GATEWAY: `https://localhost:${port}`, GW_CA_FILE: join(home.folder, 'ca.pem'), GW_ID_TOKEN: tokenFor('audrey') };
});
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await home?.remove();
});

const work = (): string => join(home.folder, 'work');
const command = ['evidence', 'export', '--from', '2026-01-01', '-o', 'pack'];

it('a pack appears whole', async () => {
  answer = { text: file('E01/a.csv', 'one', false) + file('E02/b.csv', 'two') + file('E01/a.csv', ' more') + end, end: 'end' };
  const done = await home.run(['evidence', 'export', '--from', '2026-01-01', '-o', 'whole'], { env });
  expect(done.code, done.stderr).toBe(0);
  expect(await readdir(join(work(), 'whole', 'E01'))).toEqual(['a.csv']);
  expect(await readdir(work())).not.toContain('whole.part');
});

it('interrupted, it leaves nothing and ends as a program does that was interrupted', async () => {
  answer = { text: file('E01/a.csv', 'one', false), end: 'hang' };
  const running = home.start(command, { env });
  for (;;) {
    if ((await readdir(work())).includes('pack.part') && (await readdir(join(work(), 'pack.part'))).length > 0) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  running.child.kill('SIGINT');
  const done = await running.done;
  expect(done.signal === 'SIGINT' || done.code === 130).toBe(true);
  expect((await readdir(work())).filter((name) => name.startsWith('pack'))).toEqual([]);
});

it.each([
  ['is cut off', { text: file('E01/a.csv', 'one', false), end: 'cut' }],
  ['ends before the pack does', { text: file('E01/a.csv', 'one'), end: 'end' }],
  ['ends with a file that is not whole', { text: file('E01/a.csv', 'one', false) + end, end: 'end' }],
  ['names a file outside the pack', { text: file('../evil', 'one') + end, end: 'end' }],
  ['names a hidden file', { text: file('E01/.evil', 'one') + end, end: 'end' }],
  ['names a file by a whole path', { text: file('/tmp/evil', 'one') + end, end: 'end' }],
  ['is something else', { text: '<html>\n', end: 'end' }],
  ['says more of a file that is whole', { text: file('a', 'one') + file('a', 'two') + end, end: 'end' }],
] as const)('an answer that %s leaves nothing', async (_, given) => {
  answer = given;
  const done = await home.run(command, { env });
  expect(done.code).not.toBe(0);
  expect(done.stderr).toContain('error:');
  expect((await readdir(work())).filter((name) => name.startsWith('pack') || name.includes('evil'))).toEqual([]);
});

it('an empty directory may stand there already, anything else may not', async () => {
  answer = { text: file('a', 'one') + end, end: 'end' };
  await mkdir(join(work(), 'empty'));
  expect((await home.run(['evidence', 'export', '--from', '2026-01-01', '-o', 'empty'], { env })).code).toBe(0);
  expect((await home.run(['evidence', 'export', '--from', '2026-01-01', '-o', 'empty'], { env })).code).toBe(2);
  await writeFile(join(work(), 'file'), 'mine');
  expect((await home.run(['evidence', 'export', '--from', '2026-01-01', '-o', 'file'], { env })).code).toBe(2);
});
