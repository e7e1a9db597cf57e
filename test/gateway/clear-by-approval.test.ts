/** Clear text by approval through a whole gateway: what is explained, asked for ahead of time, and told to those who decide. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApprovalInfo } from '../../src/contract/api-types.js';
import type { PolicyExplanation } from '../../src/contract/policy-types.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type ApiReply, type GatewayWorld, OPEN_POLICY, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const POLICY = `${OPEN_POLICY}
classes: { ssn: { treatment: partial, detect: true }, email: { treatment: mask } }
data: { '*.people.ssn': { class: ssn }, '*.people.email': { class: email } }
masks:
  - { id: shown-by-yes, classes: [ssn], treatment: clear, approval: { groups: [privacy] } }
  - { id: found, classes: [ssn], columns: ['*.notes.body'], detected: true, treatment: clear, approval: { groups: [privacy] } }
  - { id: with-reason, classes: [email], treatment: clear, needs_reason: true, approval: { groups: [privacy] }, unapproved: masked }
`;
const STATEMENT = 'select ssn from people';

let world: GatewayWorld;
let gateway: RunningGateway;
let alice: string;
let carol: string;
let home: CliHome;

beforeAll(async () => {
  [world, home] = await Promise.all([startGatewayWorld(), makeHome()]);
  await world.writePolicy(POLICY);
  gateway = await world.start();
  await home.trust(Number(new URL(gateway.url).port), world.ca);
  [alice, carol] = await Promise.all([world.token('alice'), world.token('carol', ['privacy'])]);
  await world.target.sql("create table people (ssn text, email text); insert into people values ('536-90-4399', 'ada@bank.test')");
});
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

const post = (path: string, token: string, body: unknown): Promise<ApiReply> => world.api(gateway, path, { token, body });
const explain = async (statement: string, reason = false): Promise<PolicyExplanation> =>
  (await post('/api/v1/policy/explain', alice, { target: 'bank-db', statement, reason })).json as unknown as PolicyExplanation;

it('explains that it is held, by whom it may be opened, and what becomes of it without them', async () => {
  const held = await explain('select ssn, email from people');
  expect(held.decision).toMatchObject({ effect: 'require_approval', rule: 'policy/shown-by-yes', approval: { groups: ['privacy'] } });
  expect(held.masking?.clears).toMatchObject([{ column: ['public', 'people', 'ssn'], class: 'ssn' }]);
  expect(held.masking?.results[0]?.map(({ shown, why }) => [shown, why])).toEqual([
    ['partial', 'class ssn, as the class says; in clear once privacy approved it (policy/shown-by-yes), and refused without'],
    ['mask', 'class email, as the class says'],
  ]);
  const reasoned = await explain('select email from people', true);
  expect(reasoned.decision).toMatchObject({ effect: 'require_approval', rule: 'policy/with-reason' });
  expect(reasoned.masking?.results[0]?.[0]?.why).toBe('class email, as the class says; in clear once privacy approved it (policy/with-reason)');
  expect((await explain('select email from people')).decision.effect).toBe('allow');
});

it('is asked for ahead of time, shown to those who decide with its columns, and good for one time', async () => {
  const made = await post('/api/v1/requests', alice, { target: 'bank-db', statement: STATEMENT, reason: 'case 7' });
  const request = made.json as unknown as ApprovalInfo;
  expect([made.status, request.operation?.clears]).toEqual([200, [{ column: 'public.people.ssn', class: 'ssn', rules: ['policy/shown-by-yes'] }]]);
  const seen = (await world.api(gateway, `/api/v1/requests/${request.id}`, { token: carol })).json as unknown as ApprovalInfo;
  expect(seen.operation?.clears).toEqual(request.operation?.clears);
  expect((await post(`/api/v1/requests/${request.id}/approve`, carol, { digest: seen.digest })).status).toBe(200);
  const client = await world.connect(gateway, alice);
  expect((await client.query(STATEMENT)).rows).toEqual([{ ssn: '536-90-4399' }]);
  const again = client.query(STATEMENT);
  again.catch(() => undefined);
  let second: ApprovalInfo | undefined;
  await eventually('it is held again', async () => {
    const { json } = await world.api(gateway, '/api/v1/requests?for=me&state=pending', { token: carol });
    [second] = (json as unknown as { requests: ApprovalInfo[] }).requests;
    return second !== undefined;
  });
  expect((await post(`/api/v1/requests/${second?.id ?? ''}/deny`, carol, { reason: 'once' })).status).toBe(200);
  await expect(again).rejects.toMatchObject({ code: '42501' });
  await client.end();
});

it('explains and asks ahead of time for what detectors find in a text that a mask names', async () => {
  await world.target.sql("create table notes (body text, title text); insert into notes values ('SSN 536-90-4399', 'SSN 536-90-4400')");
  const statement = 'select body, title from notes';
  let held: PolicyExplanation | undefined;
  await eventually('the catalog knows it', async () => {
    held = await explain(statement);
    return held.decision.effect === 'require_approval';
  });
  expect(held?.decision).toMatchObject({ rule: 'policy/found', reasons: [expect.stringContaining('what detectors find of class ssn'), expect.anything()] });
  expect(held?.masking?.clears).toMatchObject([{ column: ['public', 'notes', 'body'], class: 'ssn', detected: true }]);
  const looked = 'it carries no tag and is text: detectors look at it';
  expect(held?.masking?.results[0]?.map(({ shown, why }) => [shown, why])).toEqual([
    ['scan', `${looked}; what they find of class ssn in clear once privacy approved it (policy/found), and refused without`],
    ['scan', looked],
  ]);
  const request = (await post('/api/v1/requests', alice, { target: 'bank-db', statement, reason: 'case 9' })).json as unknown as ApprovalInfo;
  expect(request.operation?.clears).toEqual([{ column: 'public.notes.body', class: 'ssn', detected: true, rules: ['policy/found'] }]);
  expect((await post(`/api/v1/requests/${request.id}/approve`, carol, { digest: request.digest })).status).toBe(200);
  const client = await world.connect(gateway, alice);
  expect((await client.query(statement)).rows).toEqual([{ body: 'SSN 536-90-4399', title: 'SSN ***-**-4400' }]);
  await client.end();
});

it('is asked by psql under gw exec, and by gw approve: masked without a yes and at once, as it is with one', async () => {
  const env = (token: string): Record<string, string> => ({
    GW_GATEWAY: `https://localhost:${new URL(gateway.url).port}`,
    GW_ID_TOKEN: token,
    PSQLRC: '/dev/null',
  });
  const exec = (...flags: string[]) => home.run(['exec', 'bank-db', ...flags, '--', 'psql', '-XAt', '-c', 'select email from people'], { env: env(alice) });
  // Without a reason the mask is not there, and nobody is asked.
  expect(await exec('--no-wait')).toMatchObject({ code: 0, stdout: '****\n', stderr: expect.not.stringContaining('stays hidden') as unknown });
  const masked = await exec('--no-wait', '--reason', 'case 8');
  expect(masked).toMatchObject({
    code: 0,
    stdout: '****\n',
    stderr: expect.stringMatching(/WARNING: +what it would show in clear stays hidden: .*apr_/) as unknown,
  });
  const id = /apr_\w+/.exec(masked.stderr)?.[0] ?? '';
  const shown = await home.run(['request', 'show', id], { env: env(carol) });
  expect(shown.stdout).toContain('IN CLEAR   public.people.email (class email, by mask policy/with-reason)\n');
  expect(await home.run(['approve', id, '--yes'], { env: env(carol) })).toMatchObject({ code: 0 });
  expect(await exec('--reason', 'case 8')).toMatchObject({ code: 0, stdout: 'ada@bank.test\n' });
  const sessions = (await home.run(['sessions', 'ls', '--json'], { env: env(alice) })).stdout;
  const [last] = (JSON.parse(sessions) as { sessions: { id: string }[] }).sessions;
  await eventually('the record is complete', async () => {
    const { stdout } = await home.run(['sessions', 'show', last?.id ?? ''], { env: env(alice) });
    return stdout.includes('1 email (clear by policy/with-reason)');
  });
});
