/**
 * What real tools send, tool by tool, and what of it the guardrails refuse on purpose. psql, pg_dump, vacuumdb, pgbench, JDBC, SQLAlchemy,
 * Django, knex, Sequelize and TypeORM were run against PostgreSQL 15 and 18 and taken from the server's log; Rails, Hibernate, Prisma, BI
 * tools and catalog browsers are written after what those tools send.
 */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('fixtures/', import.meta.url);
const REFUSED = 'meant-to-be-refused';

export interface Tool {
  readonly name: string;
  readonly statements: readonly string[];
}

function read(name: string): Tool {
  return { name, statements: JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as string[] };
}

export function honestTools(): readonly Tool[] {
  return readdirSync(FOLDER)
    .map((file) => file.replace(/\.json$/, ''))
    .filter((name) => name !== REFUSED)
    .sort()
    .map(read);
}

export function meantToBeRefused(): readonly string[] {
  return read(REFUSED).statements;
}
