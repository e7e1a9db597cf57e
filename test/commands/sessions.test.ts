/** What keeps and replays sessions, with the real CLI: exports to files and pipes, replays with and without a terminal. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FakeGateway, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

const INTACT = '# record: complete and verified\n';
const CAST = `{"version":3,"term":{"cols":120,"rows":40},"timestamp":1,"title":"alice on bank-db"}
[0,"o","session: ses_1\\r\\n"]
[1,"m","#1"]
[0,"o","=> select '\\u001b[31m'\\r\\n"]
[3600,"o"," 1 row\\u0007\\r\\n"]
`;

let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;
let answer: string | null;

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  gateway = await startFakeGateway({ certificate: await authority.issue(), exported: (format) => answer ?? `${format}\n-- record: complete and verified\n` });
  await home.trust(gateway.port, authority.ca);
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice') };
});
beforeEach(() => {
  answer = null;
});
afterAll(async () => {
  await gateway.close();
  await home.remove();
});

const run = (...argv: string[]) => home.run(['sessions', ...argv], { env });
const work = (name = ''): string => join(home.folder, 'work', name);

describe('gw sessions export', () => {
  it('writes to a pipe as it is, and to a file that only its owner can read', async () => {
    expect(await run('export', 'ses_1', '--format', 'sql')).toMatchObject({ code: 0, stdout: 'sql\n-- record: complete and verified\n', stderr: '' });
    expect(await run('export', 'ses_1', '--format', 'sql', '-o', 'out.sql')).toMatchObject({ code: 0, stdout: '', stderr: 'Wrote 37 bytes to out.sql.\n' });
    expect(await readFile(work('out.sql'), 'utf8')).toBe('sql\n-- record: complete and verified\n');
    expect((await stat(work('out.sql'))).mode & 0o777).toBe(0o600);
    expect(gateway.requests.at(-1)?.path).toBe('/api/v1/sessions/ses_1/export?format=sql');
  });

  it('ends with 9 for a record that is not intact, and leaves nothing of one that was cut off', async () => {
    answer = '-- record: NOT INTACT: chain-broken: x\n';
    expect(await run('export', 'ses_1', '--format', 'sql')).toMatchObject({ code: 9, stdout: answer });
    answer = '{"kind":"integrity","intact":false,"problems":[]}\n';
    expect(await run('export', 'ses_1', '--file', 'bad.ndjson')).toMatchObject({ code: 9 });
    for (answer of ['', 'half', '{"kind":"start"}\n', '{"kind":"integrity","inta', 'select 1; -- record: complete and verified']) {
      expect(await run('export', 'ses_1', '-o', 'half.txt')).toMatchObject({ code: 8, stdout: '' });
    }
    expect((await readdir(work())).filter((name) => name.startsWith('half'))).toEqual([]);
  });

  it('says what the gateway says', async () => {
    const result = await home.run(['sessions', 'export', 'ses_1', '--json'], { env });
    expect(result).toMatchObject({ code: 2 });
    const refused = await home.run(['sessions', 'export', 'ses_1'], { env: { ...env, GW_ID_TOKEN: '' } });
    expect(refused.code).toBe(4);
  });
});

describe('gw sessions play', () => {
  it('prints everything at once without a terminal, with control characters made visible (redteam 6h)', async () => {
    answer = CAST + INTACT;
    expect(await run('play', 'ses_1')).toMatchObject({ code: 0, stdout: "session: ses_1\n=> select '\\u{1b}[31m'\n 1 row\\u{7}\n", stderr: '' });
    answer = `${CAST}# record: NOT INTACT: x\n`;
    expect(await run('play', 'ses_1')).toMatchObject({ code: 9 });
    answer = CAST;
    expect(await run('play', 'ses_1')).toMatchObject({ code: 8 });
  });

  it.each([
    ['--speed', '0'],
    ['--speed', 'fast'],
    ['--from', 'noon'],
    ['--skip-idle', '2'],
  ])('refuses %s %s', async (flag, value) => {
    expect(await run('play', 'ses_1', flag, value)).toMatchObject({ code: 2 });
  });
});
