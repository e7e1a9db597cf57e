/**
 * What policy costs with 1,000 rules loaded: a decision, a view, a reload beside sessions, a replay of journals.
 * `node bench/micro/policy.mjs`; writes bench/results/policy.json. Figures are for comparison on one machine, never a test.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { bundled } from './bundled.mjs';

const { silentLogger, loadPolicyGently, loadPolicy, replayClock, Simulation, protocols, openJournal, replayOperations } = await bundled('policy', [
  'base/logger',
  'policy/gentle-load',
  'policy/index',
  'protocols/index',
  'recording/index',
]);

const ROUNDS = 5;
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const rows = [];
function report(name, unit, asked, runs) {
  const digits = (value) => Number(value.toPrecision(4));
  rows.push({ case: name, unit, asked, median: digits(median(runs)), runs: runs.map(digits) });
  process.stdout.write(`${name}\t${digits(median(runs))} ${unit}\t(asked: ${asked})\n`);
}

const kinds = [
  (i) =>
    `{ id: r${i}, effect: allow, actions: [select], subjects: { groups: [engineers, g${i % 7}] }, resources: [relation: bank.t${i}], limits: { rows: ${i + 1} } }`,
  (i) => `{ id: r${i}, effect: deny, actions: [delete, update], resources: [relation: ['*.t${i}']], facts: { where: [none, vacuous] } }`,
  (i) => `{ id: r${i}, effect: require_approval, tier: high, actions: [insert], resources: [relation: s${i}.*], approval: { groups: [g${i % 9}] } }`,
  (i) => `{ id: r${i}, effect: deny, actions: [select], resources: [relation: bank.t${i}], columns: [ssn, 'card_*'], when: subject.kind == "agent" }`,
  (i) => `{ id: r${i}, effect: warn, actions: [select], resources: [relation: bank.w${i}], message: mind }`,
];
const ruleText = (count) => Array.from({ length: count }, (_, i) => `  - ${kinds[i % kinds.length]?.(i)}\n`).join('');
const guardrails = await readFile(new URL('../../policies/guardrails.yaml', import.meta.url), 'utf8');
const files = (salt) => [
  { path: 'many.yaml', text: `version: 1\n# ${salt}\nrules:\n  - { id: all, effect: allow, actions: [select, call, transaction] }\n${ruleText(1000)}` },
  { path: 'guardrails.yaml', text: guardrails },
];
const descriptors = protocols.map(({ descriptor }) => descriptor);
const identity = (groups) => ({
  issuer: 'i',
  subject: 's',
  kind: 'person',
  name: 'a',
  email: null,
  emailVerified: false,
  groups,
  onBehalfOf: null,
  claims: {},
  expiresAt: 1e15,
});
const target = { name: 'bank-db', protocol: 'postgres', labels: { env: 'prod' } };
const island = protocols[0];
await island.prepare();
const factsOf = (text) => island.descriptor.factsOf(text);
const micros = (started, count) => Number(process.hrtime.bigint() - started) / 1000 / count;

const policy = loadPolicy(files('a'), descriptors);
const view = policy.view(identity(['engineers']), target);

// ---- decisions
const simple = await factsOf('SELECT id, name FROM bank.t10 WHERE id = 7');
const analytic = `WITH
${Array.from({ length: 9 }, (_, i) => `  part${i} AS (\n    SELECT t.id, count(*) AS n, sum(t.amount) AS total\n      FROM bank.t${i * 5} t\n      JOIN ledger.entries e ON e.account_id = t.id\n     WHERE e.booked_at > now() - interval '30 days'\n     GROUP BY t.id)`).join(',\n')}
SELECT c.id, c.full_name, coalesce(sum(p.total), 0)
  FROM bank.customers c
${Array.from({ length: 9 }, (_, i) => `  LEFT JOIN part${i} p${i} ON p${i}.id = c.id`).join('\n')}
  LEFT JOIN part0 p ON p.id = c.id
 GROUP BY c.id, c.full_name
 ORDER BY 3 DESC
 LIMIT 100`;
const heavy = await factsOf(analytic);
const copies = (facts, count) => Array.from({ length: count }, () => ({ ...facts, effects: facts.effects.map((effect) => ({ ...effect })) }));
for (const [name, asked, facts, count] of [
  ['a new simple statement', '< 30 µs', simple, 20_000],
  [`a new analytic statement of ${analytic.split('\n').length} lines`, '< 1000 µs', heavy, 2_000],
]) {
  const runs = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const fresh = copies(facts, count);
    const started = process.hrtime.bigint();
    for (const each of fresh) view.decide(each);
    if (round > 0) runs.push(micros(started, count));
  }
  report(`decision: ${name}`, 'µs', asked, runs);
}
const cached = [];
for (let round = 0; round <= ROUNDS; round++) {
  const started = process.hrtime.bigint();
  for (let i = 0; i < 2_000_000; i++) view.decide(simple);
  if (round > 0) cached.push(micros(started, 2_000_000));
}
report('decision: cached', 'µs', '< 2 µs', cached);
const windowed = loadPolicy(
  [
    ...files('w'),
    { path: 'w.yaml', text: 'version: 1\nrules: [{ id: w, effect: deny, actions: [drop], during: { zone: Europe/Berlin, hours: 08:00-18:00 } }]\n' },
  ],
  descriptors,
).view(identity(['engineers']), target);
const timed = [];
for (let round = 0; round <= ROUNDS; round++) {
  const started = process.hrtime.bigint();
  for (let i = 0; i < 2_000_000; i++) windowed.decide(simple);
  if (round > 0) timed.push(micros(started, 2_000_000));
}
report('decision: cached, in a policy with time windows', 'µs', '< 2 µs', timed);

// ---- a view of a new policy, which each session takes at its next operation
const views = [];
for (let round = 0; round <= ROUNDS; round++) {
  const started = process.hrtime.bigint();
  for (let i = 0; i < 100; i++) policy.view(identity([`g${round}-${i}`]), target);
  if (round > 0) views.push(micros(started, 100));
}
report('a view for somebody new', 'µs', '', views);

// ---- reload: the longest time for which nothing else could run
const cell = new Int32Array(new SharedArrayBuffer(4));
/**
 * Time that this thread was on a processor, milliseconds; the wall clock where the kernel does not say. A machine that is busy with other things makes every
 * wall clock wrong, so pauses are counted by it. The kernel brings the figure up to date when the thread sleeps, so it does, shortly.
 */
function threadTime() {
  try {
    Atomics.wait(cell, 0, 0, 0.02);
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return performance.now();
  }
}
async function longestPause(work) {
  let running = true;
  let longest = 0;
  const watch = (async () => {
    let last = threadTime();
    while (running) {
      await turn();
      const now = threadTime();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  await work();
  running = false;
  await watch;
  return longest;
}
const gentle = [];
const rough = [];
for (let round = 0; round <= ROUNDS; round++) {
  const pause = await longestPause(() => loadPolicyGently(files(`g${round}`), descriptors));
  const whole = await longestPause(async () => {
    await turn();
    loadPolicy(files(`r${round}`), descriptors);
  });
  if (round > 0) {
    gentle.push(pause);
    rough.push(whole);
  }
}
report('reload of 1,000 rules: longest pause', 'ms', '< 5 ms', gentle);
report('the same without thread and slices', 'ms', '', rough);

// ---- simulate
const dir = await mkdtemp(join(tmpdir(), 'gw-bench-policy-'));
try {
  const journal = await openJournal({
    dir,
    gateway: 'bench',
    bootId: 'wrk-bench',
    clock: { now: Date.now, monotonic: () => performance.now() },
    logger: silentLogger,
  });
  const decision = {
    effect: 'allow',
    rule: 'many/all',
    policy: policy.digest,
    reasons: ['x'],
    hint: null,
    warnings: [],
    limits: null,
    approval: null,
    tier: null,
  };
  const texts = await Promise.all(
    Array.from({ length: 200 }, async (_, i) => [
      Buffer.from(`SELECT id FROM bank.t${i} WHERE id = ${i}`),
      await factsOf(`SELECT id FROM bank.t${i} WHERE id = ${i}`),
    ]),
  );
  const OPERATIONS = 200_000;
  for (let s = 0; s < 200; s++) {
    const who = { issuer: 'i', subject: `s${s}`, kind: 'person', name: `n${s}`, email: null, groups: [`g${s % 20}`], onBehalfOf: null };
    const session = journal.begin({
      session: `ses_${s}`,
      startedAt: Date.now(),
      gateway: 'bench',
      identity: who,
      target: 'bank-db',
      protocol: 'postgres',
      via: 'native',
      clientAddress: '',
      reason: null,
      client: null,
      decision,
    });
    for (let i = 1; i <= OPERATIONS / 200; i++) {
      const [text, facts] = texts[(i * 7 + s) % texts.length];
      session.operation(i, 'query', facts, decision, text, null);
      session.outcome(i, { status: 'ok', rows: 1, bytes: 10, durationUs: 100, message: 'SELECT 1' });
      if (i % 20 === 0) journal.commit();
    }
    session.end({ endedAt: Date.now(), reason: 'client', message: null, operations: 0, refused: 0, rows: 0, bytesUp: 0, bytesDown: 0 });
    journal.commit();
    if (s % 20 === 0) await journal.synced();
  }
  await journal.close();
  const runs = [];
  let pause = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    const clock = replayClock();
    const simulation = new Simulation(loadPolicy(files('s'), descriptors, { clock }), clock, () => target);
    const started = performance.now();
    let slice = started;
    const breathe = () => (performance.now() - slice < 2 ? null : turn().then(() => void (slice = performance.now())));
    pause = Math.max(pause, await longestPause(() => replayOperations({ dir, since: 0, breathe }, simulation)));
    const seconds = (performance.now() - started) / 1000;
    const { operations } = simulation.report(0, 0);
    if (operations !== OPERATIONS) throw new Error(`${operations} operations replayed`);
    if (round > 0) runs.push(operations / seconds);
  }
  report('simulate', 'operations/s', '≥ 20,000', runs);
  report('simulate: longest pause', 'ms', '', [pause]);
} finally {
  await rm(dir, { recursive: true, force: true });
}

const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version };
const result = { section: 'policy', date: new Date().toISOString().slice(0, 10), machine, rows };
await writeFile(new URL('../results/policy.json', import.meta.url), `${JSON.stringify(result, null, 2)}\n`);
