import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import postgresJs from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEBIAN_BIN } from '../../support/real-postgres.js';
import { openRoads, type Road, type Roads } from '../../support/roads.js';
import { runProgram } from '../../support/run-program.js';

const CLIENTS = join(dirname(fileURLToPath(import.meta.url)), 'clients');
let roads: Roads;

beforeAll(async () => {
  roads = await openRoads();
});
afterAll(async () => {
  await roads?.[Symbol.asyncDispose]();
});

/** The script's outcome on each road equals the direct one. */
async function same(script: (road: Road) => Promise<unknown>): Promise<void> {
  const expected = await script(roads.direct);
  for (const road of roads.through) expect({ road: road.name, outcome: await script(road) }).toEqual({ road: road.name, outcome: expected });
}

describe('transparent to real clients: native port, TLS and tunnel give what direct gives', () => {
  it('psql', async () => {
    const input = await readFile(join(CLIENTS, 'script.sql'));
    await same(async (road) => {
      const result = await runProgram('psql', ['-X', '-a', '-f', '-'], { env: roads.env(road, 'postgres'), input });
      expect(result.stdout).toContain('item 3');
      // The gateway parses before the server does: its own refusal of what does not parse has no LOCATION line.
      const stderr = result.stderr.replaceAll(/^psql:<stdin>:\d+: ERROR: {2}42601.*\n(?:LINE.*\n.*\^\n)?(?:DETAIL.*\n)?(?:LOCATION.*\n)?/gm, '');
      return { ...result, stderr };
    });
  });

  it('pgbench', async () => {
    await same(async (road) => {
      const env = roads.env(road, 'postgres');
      const made = await runProgram('pgbench', ['-i', '-q', '-s', '1'], { env });
      expect(made).toMatchObject({ code: 0 });
      const outcome: string[] = [];
      for (const mode of ['simple', 'extended', 'prepared']) {
        const { stdout, code } = await runProgram('pgbench', ['-n', '-M', mode, '-c', '4', '-t', '25'], { env });
        outcome.push(
          `${mode} ${String(code)} ${/number of transactions actually processed: .*/.exec(stdout)?.[0]} ${/number of failed transactions: .*/.exec(stdout)?.[0]}`,
        );
      }
      return outcome;
    });
  });

  it('pg_dump and pg_restore: dumps are equal, and what is restored dumps the same', async () => {
    await roads.server.sql('CREATE DATABASE source');
    const source = roads.env(roads.direct, 'source');
    await runProgram(
      'psql',
      [
        '-X',
        '-q',
        '-c',
        "CREATE TABLE a (id int PRIMARY KEY, t text, b bytea); INSERT INTO a SELECT i, repeat('x', i), decode(lpad(to_hex(i), 8, '0'), 'hex') FROM generate_series(1, 3000) i; CREATE VIEW v AS SELECT id FROM a; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON TABLE a IS 'it''s'",
      ],
      { env: source },
    );
    // Each dump has a random key in its \restrict lines.
    const dump = async (env: NodeJS.ProcessEnv): Promise<unknown> => {
      const { code, stdout, stderr } = await runProgram(`${DEBIAN_BIN}/pg_dump`, [], { env });
      return { code, stderr, stdout: stdout.replaceAll(/^(\\(?:un)?restrict) .*$/gm, '$1') };
    };
    const plain = await dump(source);
    expect(plain).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('COPY public.a') as string });
    for (const [index, road] of roads.through.entries()) {
      expect(await dump(roads.env(road, 'source'))).toEqual(plain);
      const database = `copy${index}`;
      await roads.server.sql(`CREATE DATABASE ${database}`);
      const env = roads.env(road, database);
      const restored = await runProgram('sh', ['-c', `'${DEBIAN_BIN}/pg_dump' -Fc -d source | '${DEBIAN_BIN}/pg_restore' -d ${database}`], { env });
      expect(restored).toMatchObject({ code: 0, stderr: '' });
      expect(await dump(roads.env(roads.direct, database))).toEqual(plain);
    }
  });

  it('node-postgres, text and binary', () =>
    same(async (road) => {
      const ssl = road.sslmode === 'disable' ? false : { ca: await readFile(road.ca, 'utf8') };
      const client = new pg.Client({ host: road.host, port: road.port, user: road.user, password: road.password, database: 'postgres', ssl });
      await client.connect();
      const outcome: unknown[] = [];
      for (const binary of [false, true]) {
        outcome.push(
          (
            await client.query({
              text: 'SELECT $1::int AS i, $2::text AS t, $3::bytea AS b, now() IS NULL AS n',
              values: [7, 'é', Buffer.from([0, 255])],
              binary,
            } as pg.QueryConfig)
          ).rows,
        );
        for (let i = 0; i < 3; i++)
          outcome.push((await client.query({ name: `named${String(binary)}`, text: 'SELECT $1::int8 * 2 AS x', values: [i], binary } as pg.QueryConfig)).rows);
      }
      outcome.push(await client.query('SELECT 1/0').catch((error: pg.DatabaseError) => ({ ...error, message: error.message })));
      outcome.push(((await client.query('SELECT 1 AS a; SELECT 2 AS b')) as unknown as pg.QueryResult[]).map((result) => result.rows));
      await client.end();
      return outcome;
    }));

  it('postgres.js, pipelined, with a cursor and COPY', () =>
    same(async (road) => {
      const sql = postgresJs({
        host: road.host,
        port: road.port,
        user: road.user,
        password: road.password,
        database: 'postgres',
        max: 1,
        ssl: road.sslmode === 'disable' ? false : { ca: await readFile(road.ca, 'utf8') },
        onnotice: () => undefined,
      });
      const outcome: unknown[] = [];
      outcome.push(await Promise.all(Array.from({ length: 20 }, (_, i) => sql`SELECT ${i}::int AS i, ${[1, 2, i]}::int[] AS a`)));
      outcome.push(
        await Promise.allSettled([sql`SELECT 1 AS ok`, sql`SELECT 1 / ${0}::int`, sql`SELECT 2 AS ok`]).then((all) =>
          all.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason))),
        ),
      );
      const chunks: number[] = [];
      await sql`SELECT generate_series(1, 25) AS x`.cursor(10, (rows) => {
        chunks.push(rows.length);
      });
      outcome.push(chunks);
      await sql.begin(async (transaction) => {
        await transaction`CREATE TEMP TABLE copied (a int, b text) ON COMMIT DROP`;
        const writable = await transaction`COPY copied FROM STDIN`.writable();
        await new Promise<void>((resolve, reject) => {
          writable.on('error', reject);
          writable.on('finish', resolve);
          writable.end('1\tone\n2\ttwo\n');
        });
        outcome.push(await transaction`SELECT * FROM copied ORDER BY a`);
      });
      await sql.end();
      return outcome;
    }));

  it('psycopg 3', () =>
    same(async (road) => {
      const result = await runProgram('/usr/bin/python3', [join(CLIENTS, 'psycopg_client.py')], { env: roads.env(road, 'postgres') });
      expect(result).toMatchObject({ code: 0, stderr: '' });
      return result.stdout;
    }));

  it('pgjdbc', () =>
    same(async (road) => {
      const result = await runProgram('java', ['-cp', '/usr/share/java/postgresql.jar', join(CLIENTS, 'JdbcClient.java')], {
        env: roads.env(road, 'postgres'),
      });
      expect(result).toMatchObject({ code: 0, stderr: '' });
      return result.stdout;
    }));
});
