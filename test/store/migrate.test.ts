import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { migrate } from '../../src/store/migrate.js';
import { migrations } from '../../src/store/migrations/index.js';
import { type StateServer, startStateServer } from './state-server.js';

let server: StateServer;

beforeAll(async () => {
  server = await startStateServer();
});
afterAll(async () => {
  await server?.close();
});

const client = (url: string): pg.Client => new pg.Client({ connectionString: url });

describe('migrations', () => {
  it('run once when eight gateways start at the same time', async () => {
    const url = await server.database();
    const ran = await Promise.all(Array.from({ length: 8 }, () => migrate(client(url), silentLogger)));
    expect(ran.flat().sort((a, b) => Number(a) - Number(b))).toEqual(migrations.map((migration) => migration.version));
    expect(await server.query(url, 'select version from gw.migrations')).toHaveLength(migrations.length);
  });

  it('leave nothing behind when one of them fails', async () => {
    const url = await server.database();
    const broken = [...migrations, { version: migrations.length + 1, name: 'broken', sql: 'create table gw.half (id int); select 1/0' }];
    await expect(migrate(client(url), silentLogger, broken)).rejects.toMatchObject({ code: 'store.unavailable' });
    expect(await server.query(url, "select 1 from pg_namespace where nspname = 'gw'")).toEqual([]);
    expect(await migrate(client(url), silentLogger)).toEqual(migrations.map((migration) => migration.version));
  });

  it('refuse a database of a newer version, and a migration that was edited after it ran', async () => {
    const url = await server.database();
    await migrate(client(url), silentLogger);
    await expect(migrate(client(url), silentLogger, [])).rejects.toMatchObject({ code: 'store.schema' });
    const edited = migrations.map((migration) => ({ ...migration, sql: `${migration.sql} ` }));
    await expect(migrate(client(url), silentLogger, edited)).rejects.toMatchObject({ code: 'store.schema' });
    expect(await migrate(client(url), silentLogger)).toEqual([]);
  });

  it('are numbered from 1 without gaps', () => {
    expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, index) => index + 1));
  });
});
