/** The story: alice works, dangerous statements are refused, bob ends a session, carol reads the record. Each step checks itself. */
import { rm } from 'node:fs/promises';
import { type as systemName } from 'node:os';
import { join } from 'node:path';
import { approveDevice } from '../approve-device.js';
import { quickstartToken } from '../quickstart-token.js';
import type { World } from '../start-quickstart.js';
import type { Finished } from './tour-shell.js';
import { outcome, type TourContext, type TourOutcome, type TourStep } from './tour-step.js';

const psql = (...statements: readonly string[]): string[] => ['exec', 'bank-db', '--', 'psql', '-X', '-A', '-t', ...statements.flatMap((sql) => ['-c', sql])];

/** Both voices of a command, in short. */
const words = ({ stdout, stderr }: Finished): string => [stdout.trim(), stderr.trim()].filter((text) => text !== '').join('\n');

const refused = ({ stderr }: Finished): boolean => /ERROR:/.test(stderr) && /guardrails\//.test(stderr);

const hasHost = ({ web }: World): boolean => 'native' in web;

async function login({ shell }: TourContext, person: string): Promise<TourOutcome> {
  const command = shell.start(person, ['login', '--no-browser']);
  const [, link = ''] = await command.said(/Open (http\S+)/);
  const [, code = ''] = await command.said(/code (\S+)/);
  await approveDevice(`${link}?user_code=${encodeURIComponent(code)}`, person);
  const done = await command.finished;
  return outcome(words(done), [done.code === 0, `gw login ended with ${done.code}`], [done.stderr.includes(person), 'gw login did not say who is logged in']);
}

async function sessionsOf(context: TourContext, as: string, filter: readonly string[]): Promise<Record<string, unknown>[]> {
  const { stdout, code } = await context.shell.gw(as, ['sessions', 'ls', '--json', ...filter]);
  return code === 0 ? (JSON.parse(stdout) as { sessions: Record<string, unknown>[] }).sessions : [];
}

/** Steps that only look at what `gw exec … psql` answered. */
function statement(title: string, why: string, sql: readonly string[], judge: (done: Finished, context: TourContext) => Promise<TourOutcome>): TourStep {
  return {
    who: 'alice',
    title,
    why,
    run: async (context) => judge(await context.shell.gw('alice', psql(...sql)), context),
  };
}

export const TOUR_STEPS: readonly TourStep[] = [
  {
    who: 'alice',
    title: 'gw login',
    why: 'A person proves who they are to the identity provider; the gateway is shown a token, never a password.',
    run: (context) => login(context, 'alice'),
  },
  {
    who: 'alice',
    title: 'gw ls',
    why: 'What is within reach, and by which rule.',
    run: async ({ shell }) => {
      const done = await shell.gw('alice', ['ls']);
      return outcome(words(done), [done.code === 0, `gw ls ended with ${done.code}`], [/bank-db/.test(done.stdout), 'bank-db is not listed']);
    },
  },
  statement(
    'psql: select count(*) from bank.customers',
    "The real psql, unchanged, without the target's password: the gateway logs in to the target itself.",
    ['select count(*) from bank.customers'],
    async (done, { direct }) => {
      const truth = await direct('select count(*) from bank.customers');
      return outcome(words(done), [done.code === 0, `psql ended with ${done.code}`], [done.stdout.trim() === truth, `the target itself counts ${truth}`]);
    },
  ),
  statement(
    'psql: select full_name, ssn, email from bank.customers',
    'What policy calls sensitive is masked before it leaves, in whatever statement it surfaces.',
    ['select full_name, ssn, upper(email) from bank.customers where id = 42'],
    async (done, { direct }) => {
      const truth: string[] = [];
      for (const what of ['full_name', 'ssn', 'upper(email)']) truth.push(await direct(`select ${what} from bank.customers where id = 42`));
      const [name, ssn, email] = truth;
      const shown = words(done);
      return outcome(
        shown,
        [done.code === 0, `psql ended with ${done.code}`],
        [name !== undefined && shown.includes(name), 'the name is not shown'],
        [ssn !== undefined && !shown.includes(ssn) && shown.includes(ssn.slice(-4)), 'the social security number is not masked to its last digits'],
        [email !== undefined && !shown.includes(email), 'the e-mail address is shown'],
      );
    },
  ),
  statement(
    'psql: drop table bank.customers',
    'Guardrails refuse what destroys, whoever asks; nothing of it reaches the target.',
    ['drop table bank.customers'],
    async (done, { direct }) => {
      const there = await direct("select to_regclass('bank.customers') is not null");
      return outcome(
        words(done),
        [done.code !== 0, 'psql reported success'],
        [refused(done), 'the refusal does not name the rule'],
        [there === 'true', 'the table is gone'],
      );
    },
  ),
  statement(
    'psql: delete from ledger.entries; then go on working',
    'A DELETE without WHERE is almost always a mistake. It is refused as an ordinary error, so the connection stays usable.',
    ['delete from ledger.entries', "select 'still connected'"],
    async (done, { direct, notes }) => {
      const rows = await direct('select count(*) from ledger.entries');
      return outcome(
        `${words(done)}\nrows in ledger.entries, counted on the target itself: ${rows}`,
        [refused(done), 'the refusal does not name the rule'],
        [rows === notes.get('entries'), `there were ${notes.get('entries') ?? 'some'} rows before`],
        [done.stdout.includes('still connected'), 'the connection did not survive the refusal'],
      );
    },
  ),
  statement(
    'psql: update bank.customers set phone = … where id = 42',
    'What is meant and bounded goes through, and does exactly what it says.',
    ["update bank.customers set phone = '+1 202-555-0142' where id = 42"],
    async (done, { direct }) => {
      const phone = await direct('select phone from bank.customers where id = 42');
      return outcome(
        words(done),
        [done.code === 0, `psql ended with ${done.code}`],
        [done.stdout.includes('UPDATE 1'), 'it did not update one row'],
        [phone === '+1 202-555-0142', `the target holds ${phone}`],
      );
    },
  ),
  {
    who: 'carol',
    title: 'gw login, then psql',
    why: 'Nobody connects whom no rule names. Auditors read the record, not the data.',
    run: async (context) => {
      const first = await login(context, 'carol');
      if (first.problem !== null) return first;
      const done = await context.shell.gw('carol', psql('select 1'));
      return outcome(words(done), [done.code === 3, `it ended with ${done.code} instead of 3 (denied)`], [!/^1$/m.test(done.stdout), 'carol got an answer']);
    },
  },
  {
    who: 'ci-bot',
    title: 'GW_ID_TOKEN=… gw exec bank-db -- psql',
    why: 'A machine comes with its own identity, and the same rules hold.',
    run: async ({ shell, world }) => {
      const token = await quickstartToken('ci-bot', world.directory.dir);
      const done = await shell.gw('ci-bot', psql('select 6 * 7'), { GW_ID_TOKEN: token });
      return outcome(words(done), [done.code === 0, `psql ended with ${done.code}`], [done.stdout.trim() === '42', 'the answer is not 42']);
    },
  },
  {
    who: 'alice',
    title: 'psql, straight to the native port',
    why: 'Any PostgreSQL client works without gw: the token is the password, TLS is verified, the rules are the same.',
    run: async ({ shell, world }) => {
      const [host = '', port = ''] = world.native.split(':');
      const connection = `host=${host} port=${port} dbname=${world.bank.database} user=bank-db sslmode=verify-full sslrootcert='${world.caFile}'`;
      const token = await quickstartToken('alice', world.directory.dir);
      const done = await shell.program('alice', 'psql', ['-X', '-A', '-t', connection, '-c', 'select 6 * 7', '-c', 'truncate ledger.entries'], {
        PGPASSWORD: token,
      });
      return outcome(words(done), [done.stdout.trim() === '42', 'the answer is not 42'], [refused(done), 'TRUNCATE was not refused by a guardrail']);
    },
  },
  {
    who: 'alice',
    title: 'gw ssh web-1 -- uname -s',
    why: "The system's own ssh on a host: no key of the host, no password, no question about a fingerprint.",
    possible: hasHost,
    run: async ({ shell }) => {
      const done = await shell.gw('alice', ['ssh', 'web-1', '--', 'uname', '-s']);
      return outcome(words(done), [done.code === 0, `gw ssh ended with ${done.code}`], [done.stdout.trim() === systemName(), 'the host did not answer']);
    },
  },
  {
    who: 'alice',
    title: 'gw ssh web-1 -- "uname -s; cat /etc/passwd"',
    why: 'A command is read as a shell reads it: each program in it is decided, and one that is not allowed keeps all of it from running.',
    possible: hasHost,
    run: async ({ shell }) => {
      const done = await shell.gw('alice', ['ssh', 'web-1', '--', 'uname -s; cat /etc/passwd']);
      return outcome(
        words(done),
        [done.code === 7, `gw ssh ended with ${done.code} instead of 7 (blocked)`],
        [done.stdout === '', 'a part of it ran'],
        [done.stderr.includes('refused by policy'), 'it does not say why'],
      );
    },
  },
  {
    who: 'bob',
    title: 'gw approve',
    why: "A correction of the ledger waits in alice's own psql until a second person has seen exactly that statement; then it runs.",
    run: async (context) => {
      const first = await login(context, 'bob');
      if (first.problem !== null) return first;
      const memo = 'select memo from ledger.entries where id = 7';
      const before = await context.direct(memo);
      const waiting = context.shell.start('alice', psql("update ledger.entries set memo = 'checked by two' where id = 7"));
      const [notice, id = ''] = await waiting.said(/waiting for approval (apr_\w+)[^\n]*/);
      const meanwhile = await context.direct(memo);
      const own = await context.shell.gw('alice', ['approve', id, '--yes']);
      const approved = await context.shell.gw('bob', ['approve', id, '--yes', '--reason', 'the tour']);
      const done = await waiting.finished;
      const after = await context.direct(memo);
      return outcome(
        `alice's psql: ${notice}\nalice: ${words(own)}\nbob: ${words(approved)}\nalice's psql: ${done.stdout.trim()}`,
        [meanwhile === before, 'the statement ran before anybody approved it'],
        [own.code !== 0, 'alice approved her own request'],
        [approved.code === 0, `gw approve ended with ${approved.code}`],
        [done.code === 0 && done.stdout.includes('UPDATE 1'), `psql ended with ${done.code}`],
        [after === 'checked by two', `the target holds ${after}`],
      );
    },
  },
  {
    who: 'bob',
    title: 'gw sessions kill',
    why: 'An administrator ends a live session in mid-statement.',
    run: async (context) => {
      const busy = context.shell.start('alice', psql("select 'started' from pg_sleep(0)", 'select pg_sleep(50)'));
      await busy.said(/started/);
      const [live] = await sessionsOf(context, 'bob', ['--state', 'live', '--name', 'alice']);
      const id = String(live?.['id'] ?? '');
      if (id === '') return outcome('', [false, "bob does not see alice's live session"]);
      const kill = await context.shell.gw('bob', ['sessions', 'kill', id, '--reason', 'the tour wants to go on']);
      const ended = await busy.finished;
      return outcome(
        `${words(kill)}\nalice's psql: ${ended.stderr.trim()}`,
        [kill.code === 0, `gw sessions kill ended with ${kill.code}`],
        [ended.code !== 0, "alice's statement went on"],
      );
    },
  },
  {
    who: 'carol',
    title: 'gw sessions ls, gw sessions show ID',
    why: 'All of it is on record: who, what, when, which rule, with what outcome, in a chain that shows if something is missing.',
    run: async (context) => {
      const sessions = await sessionsOf(context, 'carol', ['--name', 'alice']);
      for (const session of sessions.filter((each) => Number(each['refused']) > 0)) {
        const { stdout } = await context.shell.gw('carol', ['sessions', 'show', String(session['id']), '--json']);
        const detail = JSON.parse(stdout) as { intact: boolean; operations: { text: string; verdict: string; rule: string | null }[] };
        const drop = detail.operations.find(({ text, verdict }) => verdict === 'deny' && /drop table/i.test(text));
        if (drop === undefined) continue;
        const shown = await context.shell.gw('carol', ['sessions', 'show', String(session['id'])]);
        return outcome(
          words(shown),
          [detail.intact, 'the record is not intact'],
          [drop.rule?.startsWith('guardrails/') === true, 'the record does not name the rule'],
        );
      }
      return outcome(`${sessions.length} sessions of alice`, [false, "carol does not find alice's refused DROP in the record"]);
    },
  },
  {
    who: 'carol',
    title: 'gw evidence export -o evidence, gw evidence verify evidence',
    why: 'What an examiner asks for, in one directory that proves itself: report.html in it is to be read, verify.sh needs nothing of gw.',
    run: async ({ shell, world }) => {
      const pack = join(world.directory.dir, 'evidence');
      await rm(pack, { recursive: true, force: true });
      const exported = await shell.gw('carol', ['evidence', 'export', '--framework', 'ffiec', '--from', '2020-01-01', '-o', pack]);
      const verified = await shell.gw('carol', ['evidence', 'verify', pack]);
      return outcome(
        `${words(exported)}\n${words(verified)}`,
        [exported.code === 0, `gw evidence export ended with ${exported.code}`],
        [verified.code === 0, `gw evidence verify ended with ${verified.code}`],
      );
    },
  },
];
