/**
 * Two databases that are equal in everything but the values of hidden columns, a gateway in front of each with one policy, and the same messages sent to both by the
 * same person: whatever comes otherwise in one of them than in the other tells of a hidden value, by whatever way it came. Only time is not looked at.
 *
 * The servers are made alike down to their OIDs. Of what comes down three things are made the same before they are compared: the number of the server's
 * process in a notification, which is another one by chance; names that the gateway draws; and, where policy shows tokens, the token of a whole value, which stands
 * for it by design.
 */
import { integerToken, textToken } from '../../../src/masking/tokens.js';
import { TEST_TOKEN_KEYS } from '../../support/masking.js';
import { type PathWorld, startPathWorld } from '../../support/path-world.js';
import { frame, query, RawClient, type Reply, rowsOf } from '../../support/raw-client.js';
import { type RealPostgres, startRealPostgres } from '../../support/real-postgres.js';
import { HIDDEN_VALUES, type Side, worldSchema } from './world-values.js';

export const TREATMENTS = ['mask', 'partial', 'null', 'generalise', 'token'] as const;
export type Treatment = (typeof TREATMENTS)[number];

/** Messages that go together, and how many ReadyForQuery answer them. */
export interface Step {
  readonly text: string;
  readonly bytes: Buffer;
  readonly readies: number;
  /** In the second session of the same person. */
  readonly beside: boolean;
}

export interface Script {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Difference {
  readonly script: string;
  readonly step: string;
  /** The first message that differs; null: there is none. */
  readonly left: string | null;
  readonly right: string | null;
}

/** What one script gave. */
export interface Outcome {
  readonly difference: Difference | null;
  readonly codes: readonly string[];
  readonly rows: number;
}

export interface TwoWorlds extends AsyncDisposable {
  setPolicy(policy: string): void;
  /** Each script in sessions of its own. */
  runApart(person: string, scripts: readonly Script[], tokens: boolean): Promise<Outcome[]>;
  /** All in one session, one after the other. */
  runTogether(person: string, scripts: readonly Script[], tokens: boolean): Promise<Outcome[]>;
  /** Directly, as the owner, in both. */
  sql(text: string): Promise<void>;
}

export const step = (text: string): Step => {
  const beside = text.startsWith('@2 ');
  const sent = beside ? text.slice(3) : text;
  return { text, bytes: query(sent), readies: 1, beside };
};

const AT_ONCE = 12;
const SETTINGS = { autovacuum: 'off', jit: 'off', max_parallel_workers_per_gather: '0' };

interface World {
  readonly server: RealPostgres;
  readonly world: PathWorld;
}

async function startWorld(side: Side, policy: string): Promise<World> {
  const server = await startRealPostgres('18', SETTINGS);
  await server.sql(worldSchema(side));
  const world = await startPathWorld({ server, policy });
  for (const group of ['vault', 'careful', 'blind']) world.identities.set(group, { groups: [group] });
  world.identities.set('bot', { kind: 'agent', groups: ['engineers'] });
  return { server, world };
}

export async function startTwoWorlds(policy: string): Promise<TwoWorlds> {
  const worlds = await Promise.all([startWorld('left', policy), startWorld('right', policy)]);
  const both = <T>(work: (world: World, side: Side) => Promise<T>): Promise<[T, T]> => Promise.all([work(worlds[0], 'left'), work(worlds[1], 'right')]);
  return {
    setPolicy: (text) => {
      for (const { world } of worlds) world.setPolicy(text);
    },
    sql: async (text) => void (await both(({ server }) => server.sql(text))),
    runApart: async (person, scripts, tokens) => {
      await both(({ world }) => settled(world.port));
      const outcomes: Outcome[] = [];
      for (const script of scripts) {
        const [left, right] = await both(({ world }) => playApart(world.port, person, script));
        outcomes.push(compared(script, left, right, tokens));
      }
      return outcomes;
    },
    runTogether: async (person, scripts, tokens) => {
      await both(({ world }) => settled(world.port));
      const [left, right] = await both(({ world }) => playTogether(world.port, person, scripts));
      return scripts.map((script, index) => compared(script, left[index] ?? [], right[index] ?? [], tokens));
    },
    [Symbol.asyncDispose]: async () => {
      for (const { world, server } of worlds) {
        await world[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      }
    },
  };
}

/** Until the catalog is read that somebody changed before, all is masked; then nothing could be told. */
async function settled(port: number): Promise<void> {
  const client = await RawClient.login(port, 'bank-db', 'token-bot', 'bank-db');
  let shown = false;
  while (!shown) shown = rowsOf(await client.run(query('select name from bank.customers where id = 1'))).some(([name]) => name === 'Ada');
  client.close();
}

const ENDED: Reply = { type: 'the connection ended', body: Buffer.alloc(0) };

/** What comes up to the `count`-th ReadyForQuery, or up to the end of the connection. */
async function answers(client: RawClient, count: number): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (let left = count; left > 0; ) {
    const reply = await client.next().catch((error: unknown) => {
      if (client.ended) return ENDED;
      throw error;
    });
    replies.push(reply);
    if (reply === ENDED) return replies;
    if (reply.type === 'Z') left--;
  }
  return replies;
}

/** Replies by step. */
type Played = readonly (readonly Reply[])[];

async function playApart(port: number, person: string, script: Script): Promise<Played> {
  const login = (): Promise<RawClient> => RawClient.login(port, 'bank-db', `token-${person}`, 'bank-db');
  const client = await login();
  const second = script.steps.some(({ beside }) => beside) ? await login() : null;
  const played: Reply[][] = [client.greeting.filter(({ type }) => type !== 'K')];
  for (const { bytes, readies, beside } of script.steps) {
    const used = beside && second !== null ? second : client;
    used.send(bytes);
    played.push(await answers(used, readies));
  }
  for (const each of [client, second]) {
    each?.send(frame('X'));
    await each?.untilClosed();
  }
  return played;
}

async function playTogether(port: number, person: string, scripts: readonly Script[]): Promise<readonly Played[]> {
  const client = await RawClient.login(port, 'bank-db', `token-${person}`, 'bank-db');
  const all: Played[] = [];
  for (let at = 0; at < scripts.length; at += AT_ONCE) {
    const batch = scripts.slice(at, at + AT_ONCE);
    for (const { steps } of batch) client.send(...steps.map(({ bytes }) => bytes));
    for (const { steps } of batch) {
      const played: Reply[][] = [[]];
      for (const { readies } of steps) played.push(await answers(client, readies));
      all.push(played);
    }
  }
  client.send(frame('X'));
  await client.untilClosed();
  return all;
}

function compared(script: Script, left: Played, right: Played, tokens: boolean): Outcome {
  const replies = [...left, ...right].flat();
  const codes = replies.filter(({ type }) => type === 'E').map(({ body }) => /\0C([0-9A-Z]{5})\0/.exec(body.toString('latin1'))?.[1] ?? '');
  return { difference: differenceOf(script, left, right, tokens), codes, rows: replies.filter(({ type }) => type === 'D' || type === 'd').length };
}

function differenceOf({ name, steps }: Script, left: Played, right: Played, tokens: boolean): Difference | null {
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [one, other] = [words(left[at] ?? [], 'left', tokens), words(right[at] ?? [], 'right', tokens)];
    for (let index = 0; index < Math.max(one.length, other.length); index++)
      if (one[index] !== other[index])
        return { script: name, step: (steps[at - 1]?.text ?? 'login').slice(0, 300), left: one[index] ?? null, right: other[index] ?? null };
  }
  return null;
}

/** A name that the gateway draws. */
const DRAWN = /\b[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}\b/g;

function words(replies: readonly Reply[], side: Side, tokens: boolean): string[] {
  return replies.map(({ type, body }) => {
    // The process that notifies.
    const said = (type === 'A' ? body.subarray(4) : body).toString('latin1').replace(DRAWN, 'drawn');
    return `${type} ${tokens ? withoutTokens(said, side) : said}`;
  });
}

const bigEndian = (value: string): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes.toString('latin1');
};

/** What stands for the whole of a value, as text and in binary, and a name for it that is the same in both worlds. */
const TOKENS: Readonly<Record<Side, readonly (readonly [token: string, name: string])[]>> = { left: tokensOf('left'), right: tokensOf('right') };

function tokensOf(side: Side): (readonly [string, string])[] {
  return HIDDEN_VALUES.flatMap((value, index): (readonly [string, string])[] => {
    const bytes = Buffer.from(value[side]);
    const text = textToken(TEST_TOKEN_KEYS, value.class, bytes);
    const name = `<${index}>`;
    if (!/^\d+$/.test(value[side])) return [[text, name.padEnd(text.length)]];
    const wide = integerToken(TEST_TOKEN_KEYS, value.class, bytes, 64) ?? '';
    const narrow = integerToken(TEST_TOKEN_KEYS, value.class, bytes, 32) ?? '';
    return [
      [text, name.padEnd(text.length)],
      [wide, name],
      [bigEndian(wide), name.padEnd(8)],
      [narrow, name],
    ];
  });
}

function withoutTokens(said: string, side: Side): string {
  return TOKENS[side].reduce((now, [token, name]) => now.replaceAll(token, name), said);
}
