/** A database with canaries, a gateway in front of it whose policy hides them, and everything that left it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Logger } from '../../src/base/logger.js';
import { walkJournal } from '../../src/recording/walk-journal.js';
import { type PathWorld, startPathWorld } from '../support/path-world.js';
import { RawClient } from '../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../support/real-postgres.js';
import { CANARIES, canariesIn, DATE, findCanaries, findCanariesInBinary, inWords, NUMBERS } from './canary.js';

const [first, second, note] = CANARIES.map(({ text }) => text);

/** A hidden number that is small enough to be a number of rows. It occurs by chance, too: only a test that asks for it looks for it. */
export const PIN = 4837;

export const CANARY_SCHEMA = `
  create schema bank;
  create table bank.customers (id int primary key, ssn text unique, name text not null, card bigint, dob date, note text, tags text[], born timestamptz, uid uuid, doc jsonb, balance numeric(12,2));
  insert into bank.customers values
    (1, '${first}', 'Ada', ${NUMBERS[0]}, '${DATE}', 'plain', array['a'], '2001-02-03 04:05:06+00', '3f2b8c1e-0000-4000-8000-000000000001', '{"k": 1}', 10.50),
    (2, '${second}', 'Bob', ${NUMBERS[1]}, '${DATE}', '${note}', array['b'], '2002-02-03 04:05:06+00', '3f2b8c1e-0000-4000-8000-000000000002', '{"k": 2}', 20.50);
  create table bank.plain (id int primary key, word text, amount int);
  insert into bank.plain values (1, 'hello', 10), (2, 'world', 20);
  create table bank.scratch (id int, word text);
  create table bank.pins (id int primary key, pin int);
  insert into bank.pins values (1, ${PIN}), (2, 61);
  create view bank.renamed as select id, ssn as social, card as number, right(ssn, 8) as tail from bank.customers;
  create view bank.twice as select social as s2, tail as t2 from bank.renamed;
  create materialized view bank.kept as select id, ssn as kept_ssn, upper(note) as kept_note from bank.customers;
  create function bank.all_of() returns setof bank.customers language sql as 'select * from bank.customers';
  create function bank.ssn_of(int) returns text language sql stable as 'select ssn from bank.customers where id = $1';
  create table bank.said (word text primary key);
  create function bank.say(text) returns void language plpgsql as $$ begin raise notice '%', $1; end $$;
  create function bank.shout() returns void language plpgsql as $$ begin raise notice '%', (select string_agg(ssn, ' ') from bank.customers); end $$;
  create function bank.fail() returns void language plpgsql as $$ begin raise exception '%', (select string_agg(ssn, ' ') from bank.customers); end $$;
  analyze;
`;

/** Who sees it, who may compare it, who may not, and that all may connect. */
export const READERS = `masks:
  - { id: vault, treatment: clear, subjects: { groups: [vault] } }
  - { id: careful, conditions: equality, subjects: { groups: [careful] } }
  - { id: blind, conditions: deny, subjects: { groups: [blind] } }
rules:
  - { id: all-connect, effect: allow, actions: [connect] }
  - { id: unknown-too, effect: allow, actions: [unknown] }
`;

export const CANARY_POLICY = `
version: 1
defaults: [{ operations: allow }]
classes:
  ssn: { treatment: mask }
  card: { treatment: 'null' }
  dob: { treatment: generalise }
  note: { treatment: mask }
data:
  bank.customers.ssn: { class: ssn }
  bank.customers.card: { class: card }
  bank.customers.dob: { class: dob }
  bank.customers.note: { class: note }
  bank.pins.pin: { class: card }
${READERS}`;

export interface CanaryWorld extends AsyncDisposable {
  readonly server: RealPostgres;
  readonly world: PathWorld;
  /** Of group `engineers`, who see nothing in clear. */
  login(person?: string, more?: Record<string, string>): Promise<Watched>;
  /** What of the canaries is in anything that was written to disk, or to the gateway's log. */
  canariesOnDisk(): Promise<string[]>;
}

/** A client all of whose bytes are looked at. */
export interface Watched {
  readonly client: RawClient;
  /** What of the canaries it was sent. */
  canaries(): string[];
}

export async function startCanaryWorld(version: '15' | '18' = '18', policy = CANARY_POLICY): Promise<CanaryWorld> {
  const server = await startRealPostgres(version);
  await server.sql(CANARY_SCHEMA);
  // What an operator would read in the gateway's own log.
  const log: string[] = [];
  const line = (fields: object, text?: string): void => void log.push(inspect({ text, ...fields }, { depth: 8 }));
  const logger: Logger = { debug: line, info: line, warn: line, error: line, child: () => logger };
  const world = await startPathWorld({ server, policy, logger });
  for (const group of ['vault', 'careful', 'blind']) world.identities.set(group, { groups: [group] });
  return {
    server,
    world,
    login: async (person = 'ann', more = {}) => {
      const seen: Buffer[] = [];
      const client = await RawClient.login(world.port, 'bank-db', `token-${person}`, 'bank-db', more);
      client.socket.on('data', (chunk) => seen.push(Buffer.from(chunk)));
      return { client, canaries: () => canariesIn(Buffer.concat(seen)) };
    },
    canariesOnDisk: async () => {
      const found = new Set(canariesIn(Buffer.from(log.join('\n'))).map((each) => `log: ${each}`));
      for (const name of await readdir(world.journalDir, { recursive: true, withFileTypes: true })) {
        if (!name.isFile()) continue;
        // In a segment digests stand between the entries, and hold four bytes of anything by chance.
        const find = name.name.endsWith('.gwj') ? findCanariesInBinary : findCanaries;
        for (const each of find(await readFile(join(name.parentPath, name.name)))) found.add(`${name.name}: ${inWords(each)}`);
      }
      for await (const item of walkJournal({ dir: world.journalDir, bootId: world.bootId, live: true }))
        if (item.kind === 'frame') for (const each of findCanariesInBinary(item.frame.body)) found.add(`segment ${item.segment}: ${inWords(each)}`);
      return [...found];
    },
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
