/** What clients do while something is killed. Each operation carries an id of its own, `op_CLIENT_NUMBER`, in its text or its parameters. */
import type { SeededRandom } from './seeded-random.js';

export const ID = /op_\d+_\d+/;

export const TABLES = `
create table written (id text, n int, payload text);
create table copied (id text, n int, payload text);`;

/** Statements for the simple protocol that need nothing from the client but to read the answer. */
const STATEMENTS: readonly ((id: string, random: SeededRandom) => string)[] = [
  (id, random) => `insert into written values ('${id}', 1, repeat('x', ${random.int(1, 3000)}))`,
  (id) => `insert into written values ('${id}', 1, 'é ''quoted'' \\ value') returning id, n`,
  (id, random) => `select '${id}', g, repeat('y', 40) from generate_series(1, ${random.int(1, 60)}) g`,
  // Longer than the recorder's cap.
  (id, random) => `select '${id}', g, repeat('z', 100) from generate_series(1, ${random.int(200, 2500)}) g`,
  (id, random) => `select '${id}', pg_sleep(${random.int(1, 30) / 1000})`,
  (id, random) => `copy (select '${id}', g from generate_series(1, ${random.int(1, 900)}) g) to stdout`,
  (id) => `select 1/0 as "${id}"`,
  (id) => `drop table written /* ${id} */`,
  (id) => `do $$ begin raise notice 'from ${id}'; end $$`,
];

export function statement(id: string, random: SeededRandom): string {
  return random.pick(STATEMENTS)(id, random);
}

/** Rows of a COPY in, as text. */
export function copyRows(id: string, random: SeededRandom): string[] {
  return Array.from({ length: random.int(1, 120) }, (_, n) => `${id}\t${n}\t${'c'.repeat(random.int(0, 60))}\n`);
}

/** More than is in flight at once, and wrong at its beginning: the server answers while the client still sends. */
function wrongCopyRows(id: string): string[] {
  return Array.from({ length: 4000 }, (_, n) => `${id}\t${n === 2 ? 'wrong' : n}\t${'w'.repeat(60)}\n`);
}

/** A script for psql: statements, transactions, several statements in one message, COPY in. */
export function psqlScript(client: number, random: SeededRandom, operations: number): string {
  let text = '';
  let number = 0;
  const id = (): string => `op_${client}_${++number}`;
  while (number < operations) {
    const kind = random.int(1, 10);
    if (kind <= 6) text += `${statement(id(), random)};\n`;
    else if (kind === 7) {
      const both = id();
      text += `insert into written values ('${both}', 2, '')\\; select '${both}', 2;\n`;
    } else if (kind === 8) {
      const copy = id();
      text += `copy copied from stdin /* ${copy} */;\n${(random.int(1, 5) === 1 ? wrongCopyRows(copy) : copyRows(copy, random)).join('')}\\.\n`;
    } else {
      text += `begin /* ${id()} */;\ninsert into written values ('${id()}', 3, 'in a transaction');\n`;
      text += `${random.pick(['commit', 'commit', 'rollback'])} /* ${id()} */;\n`;
    }
  }
  return text;
}
