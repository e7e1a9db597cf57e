/** `gw audit search` and `tail` with the real CLI: people are told which steps were not taken, and data stays as the entries are. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryMatches } from '../../src/audit/entry-matches.js';
import type { AuditEntry } from '../../src/contract/audit-entry.js';
import { type FakeGateway, startFakeGateway } from '../support/fake-gateway.js';
import { type CliHome, makeHome, tokenFor } from '../support/run-cli.js';
import { makeAuthority } from '../support/test-authority.js';

const entry = (n: number, kind: string, request: string, data: AuditEntry['data'] = {}, log = 'gw/0'): AuditEntry => ({
  log,
  n,
  time: `2026-11-21T07:00:0${n}.000Z`,
  kind,
  journal: 'gw-1',
  data: { actorSubject: 'sub-alice', approval: 'apr_1', request, ...data },
});
const STEP = entry(1, 'approval.approve', 'req_1', { target: 'bank-db' });
/** The same request id in the log of another worker says nothing of it. */
const ELSEWHERE = entry(2, 'approval.deny', 'req_1', {}, 'gw/1');
const DENIED = entry(3, 'api.denied', 'req_1', { route: 'POST /api/v1/requests/:id/approve', code: 'approval.not_yours' });
const TAKEN = entry(4, 'approval.approve', 'req_2', { actorSubject: 'sub-bob' });
const ALL = [STEP, ELSEWHERE, DENIED, TAKEN];

let gateway: FakeGateway;
let home: CliHome;
let env: Record<string, string>;
let entries: readonly AuditEntry[];
/** What the log has besides the page that is given. */
let beyond: readonly AuditEntry[] = [];
/** Pages that the gateway gives of denials alone; each says that there is one more while there are others. */
let pages = 1;
/** What was asked for beyond the page: the query of each call. */
const asked: URLSearchParams[] = [];

/** As the gateway would: what there is of one kind in a time, newest first. */
function denialsOf(query: URLSearchParams): object {
  const filter = { kinds: query.getAll('kind'), subject: null, target: null, session: null, text: null, since: query.get('since'), until: query.get('until') };
  const left = Number(query.get('before') ?? pages) - 1;
  asked.push(query);
  return { entries: left > 0 ? [] : [...entries, ...beyond].filter(entryMatches(filter)).toReversed(), next: left > 0 ? String(left) : null, missing: [] };
}

beforeAll(async () => {
  const authority = await makeAuthority();
  home = await makeHome();
  gateway = await startFakeGateway({
    certificate: await authority.issue(),
    intercept: (request, response) => {
      const { pathname: path, searchParams } = new URL(request.url ?? '', 'https://gw.example.com');
      if (path === '/api/v1/audit/entries' && searchParams.getAll('kind').join() === 'api.denied') response.end(JSON.stringify(denialsOf(searchParams)));
      else if (path === '/api/v1/audit/entries') response.end(JSON.stringify({ entries: entries.toReversed(), next: null, missing: [] }));
      else if (path === '/api/v1/audit/entries/tail') response.end(entries.map((each) => `${JSON.stringify(each)}\n`).join(''));
      else return false;
      return true;
    },
  });
  await home.trust(gateway.port, authority.ca);
  env = { GW_GATEWAY: gateway.url, GW_ID_TOKEN: tokenFor('alice') };
});
afterAll(async () => {
  await gateway?.close();
  await home?.remove();
});

const run = (...argv: string[]) => home.run(['audit', ...argv], { env });
/** Lines with single blanks. */
const lines = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));

describe('gw audit search', () => {
  it('marks a step that was not taken, and says at the denial what it refused', async () => {
    entries = ALL;
    const { code, stdout, stderr } = await run('search', '--output', 'table');
    expect([code, stderr]).toEqual([0, '']);
    const [, taken, denied, elsewhere, step] = lines(stdout);
    expect(step).toContain('approval.approve (refused) sub-alice bank-db was not taken: approval.not_yours approval=apr_1');
    expect(denied).toContain('api.denied sub-alice approval.approve of apr_1 was not taken: approval.not_yours');
    for (const other of [taken, elsewhere]) expect(other).not.toMatch(/refused|not taken/);
  });

  it.each([['--json'], ['--output', 'json'], ['--output', 'ndjson'], ['--output', 'csv'], []])('gives the entries as they are: %s %s', async (...argv) => {
    entries = ALL;
    const { code, stdout, stderr } = await run('search', ...argv);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('approval.not_yours');
    expect(stdout).not.toMatch(/refused|not taken/);
  });

  it('looks for the denial beyond the page, and where filters leave it out', async () => {
    const said = async (...argv: string[]): Promise<string[]> => {
      asked.length = 0;
      const { code, stdout, stderr } = await run('search', '--output', 'table', ...argv);
      expect([argv, code, stderr]).toEqual([argv, 0, '']);
      return lines(stdout).slice(1);
    };
    entries = [STEP];
    beyond = [DENIED];
    for (const argv of [['--kind', 'approval.*'], ['--target', 'bank-db'], ['--session', 'ses_1'], ['words'], ['--before', '1.5'], ['--until', '2026-11-22']]) {
      expect([argv, await said(...argv)]).toEqual([
        argv,
        [expect.stringContaining('approval.approve (refused) sub-alice bank-db was not taken: approval.not_yours')],
      ]);
      expect(asked.map((query) => [query.get('since'), query.get('until')])).toEqual([['2026-11-21T07:00:01.000Z', '2026-11-21T07:01:01.000Z']]);
    }
    // The same id in the log of another worker, and what stands in the page itself.
    entries = [ELSEWHERE];
    expect(await said('--target', 'bank-db')).not.toEqual([expect.stringContaining('refused')]);
    for (const argv of [[], ['apr_1'], ['--kind', 'approval.*', '--kind', 'api.denied']]) {
      await said(...argv);
      expect([argv, asked]).toEqual([argv, []]);
    }
    // A minute and more before the newest of the page: its denial would be there.
    entries = [TAKEN, { ...entry(5, 'session.start', 'none'), time: '2026-11-21T07:02:00.000Z' }];
    await said('--before', '1.5');
    entries = [STEP, DENIED];
    await said('--before', '1.5');
    expect(asked).toEqual([]);
    beyond = [];
  });

  it('says when there is more to look at than it does', async () => {
    entries = [STEP];
    beyond = [DENIED];
    pages = 5;
    expect((await run('search', '--output', 'table', '--target', 'bank-db')).stdout).toContain('approval.approve (refused)');
    pages = 6;
    const { stdout, stderr } = await run('search', '--output', 'table', '--target', 'bank-db');
    expect(stdout).not.toContain('refused');
    expect(stderr).toContain('api.denied');
    [beyond, pages] = [[], 1];
  });
});

describe('gw audit tail', () => {
  it('names what was refused when the denial comes', async () => {
    entries = ALL;
    const { code, stdout, stderr } = await run('tail');
    expect([code, stderr]).toEqual([0, '']);
    const [step, elsewhere, denied, taken] = lines(stdout);
    expect(denied).toContain('api.denied sub-alice approval.approve of apr_1 was not taken: approval.not_yours');
    for (const other of [step, elsewhere, taken]) expect(other).not.toMatch(/refused|not taken/);
    for (const argv of [['--output', 'ndjson'], ['--output', 'json'], ['--json']])
      expect(lines((await run('tail', ...argv)).stdout).map((line) => JSON.parse(line) as unknown)).toEqual(ALL);
  });

  it('says when its filters leave denials out', async () => {
    entries = [STEP];
    expect((await run('tail', '--kind', 'approval.*')).stderr).toContain('--kind api.denied');
    for (const argv of [['--kind', 'approval.*', '--output', 'ndjson'], ['--kind', 'session.*'], []]) expect((await run('tail', ...argv)).stderr).toBe('');
  });

  it('makes what it names visible', async () => {
    entries = [{ ...STEP, data: { ...STEP.data, approval: 'apr_\u001b[2J' } }, DENIED];
    for (const argv of [['tail'], ['search', '--output', 'table']]) expect((await run(...argv)).stdout).not.toContain('\u001b[2J');
  });
});
