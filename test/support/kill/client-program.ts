/**
 * A client process that is made to be killed: `node client-program.js '{"port":…}'`, the token in PGPASSWORD. `wire`: pipelines, prepared
 * statements, portals with a row limit, COPY in both directions, byte for byte; `driver`: node-postgres. Ends by itself when its
 * operations are done or its connection is gone.
 */
import pg from 'pg';
import { bind, close, describe, execute, frame, parse, query, RawClient, sync } from '../raw-client.js';
import { copyRows, statement } from './script.js';
import { SeededRandom } from './seeded-random.js';

interface Task {
  readonly port: number;
  readonly target: string;
  readonly client: number;
  readonly seed: number;
  readonly kind: 'wire' | 'driver';
  readonly operations: number;
}

const task = JSON.parse(process.argv[2] ?? '{}') as Task;
const token = process.env['PGPASSWORD'] ?? '';
const random = new SeededRandom(task.seed);
let number = 0;
const id = (): string => `op_${task.client}_${++number}`;
const payload = (): string => 'p'.repeat(random.int(1, 10) === 1 ? random.int(20_000, 90_000) : random.int(0, 400));

/** Messages of one run of a statement in the extended protocol. */
const EXTENDED: readonly (() => Buffer[])[] = [
  () => [parse('', 'insert into written values ($1, 4, $2)'), bind('', '', id(), payload()), execute('')],
  () => [bind('', 'kept', id(), payload()), execute('')],
  () => [parse('', 'select $1::text, g from generate_series(1, $2::int) g'), bind('', '', id(), String(random.int(1, 300))), describe('P', ''), execute('')],
  () => [parse('', 'select $1::text, g from generate_series(1, 20) g'), bind('some', '', id()), execute('some', 5), execute('some', 9), close('P', 'some')],
  () => [parse('', 'select $1::text, 1 / $2::int'), bind('', '', id(), random.pick(['1', '1', '0'])), execute('')],
  () => [parse('', `drop table copied /* ${id()} */`), bind('', ''), execute('')],
];

async function copyIn(client: RawClient): Promise<void> {
  const copy = id();
  client.send(query(`copy copied from stdin /* ${copy} */`));
  for (;;) {
    const { type } = await client.next();
    if (type === 'E') {
      await client.untilReady();
      return;
    }
    if (type === 'G') break;
  }
  const rows = copyRows(copy, random);
  const half = random.int(0, rows.length);
  client.send(...rows.slice(0, half).map((row) => frame('d', row)));
  await new Promise((resolve) => setImmediate(resolve));
  client.send(...rows.slice(half).map((row) => frame('d', row)), frame('c'));
  await client.untilReady();
}

async function onTheWire(): Promise<void> {
  const client = await RawClient.login(task.port, task.target, token, 'postgres', { application_name: 'wire' });
  await client.run(parse('kept', 'insert into written values ($1, 5, $2)'), sync());
  while (number < task.operations) {
    const kind = random.int(1, 6);
    if (kind === 1) await copyIn(client);
    else if (kind === 2) await client.run(query(statement(id(), random)));
    else if (kind === 3) {
      // Several simple queries in one write.
      const texts = Array.from({ length: random.int(2, 8) }, () => statement(id(), random));
      client.send(...texts.map((text) => query(text)));
      await client.untilReady(texts.length);
    } else {
      const syncs = random.int(1, 3);
      const pipeline: Buffer[] = [];
      for (let i = 0; i < syncs; i++) {
        for (let j = random.int(1, 6); j > 0; j--) pipeline.push(...random.pick(EXTENDED)());
        pipeline.push(sync());
      }
      client.send(...pipeline);
      await client.untilReady(syncs);
    }
  }
  client.send(frame('X'));
  await client.untilClosed();
}

async function byDriver(): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port: task.port, user: task.target, password: token, database: 'postgres', application_name: 'driver' });
  let lost = false;
  client.on('error', () => {
    lost = true;
  });
  client.on('end', () => {
    lost = true;
  });
  await client.connect();
  // Errors of statements are part of the script; the end of the connection is not.
  const run = (config: pg.QueryConfig | string): Promise<unknown> =>
    client.query(config as pg.QueryConfig).catch((error: unknown) => {
      if (lost || !(error instanceof pg.DatabaseError)) throw error;
    });
  while (number < task.operations) {
    const kind = random.int(1, 4);
    if (kind === 1) await run(statement(id(), random).replace(/^copy .*/s, `select '${task.client}' as "op_${task.client}_${number}"`));
    else if (kind === 2) await run({ text: 'insert into written values ($1, 6, $2)', values: [id(), payload()] });
    else if (kind === 3) await run({ name: 'named', text: 'select $1::text, g from generate_series(1, $2::int) g', values: [id(), random.int(1, 200)] });
    else {
      await run(`begin /* ${id()} */`);
      await run({ text: 'insert into written values ($1, 7, $2)', values: [id(), payload()] });
      await run(`${random.pick(['commit', 'rollback'])} /* ${id()} */`);
    }
  }
  await client.end();
}

try {
  await (task.kind === 'wire' ? onTheWire() : byDriver());
} catch {
  // The connection ended, which is what this program is for.
  process.exit(3);
}
