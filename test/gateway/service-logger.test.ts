import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { newId } from '../../src/base/id.js';
import { Secret } from '../../src/base/secret.js';
import { GwError } from '../../src/contract/gw-error.js';
import { createServiceLogger } from '../../src/gateway/service-logger.js';
import { runProgram } from '../support/run-program.js';

const file = join(tmpdir(), newId('gw-log'));
const fd = openSync(file, 'w');
const logger = createServiceLogger({ process: 'worker' }, 'info', fd);

afterAll(() => {
  closeSync(fd);
  rmSync(file);
});

/** The last line written. */
function line(): Record<string, unknown> {
  logger.flush();
  return JSON.parse(readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

describe('the log of the gateway', () => {
  it('writes JSON lines with level, RFC 3339 time, and the fields of its children', () => {
    logger.child({ session: 'ses_1' }).warn({ rows: 3 }, 'careful');
    expect(line()).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      process: 'worker',
      session: 'ses_1',
      rows: 3,
      msg: 'careful',
    });
  });

  it('censors secrets by name at every level, Secret values wherever they are, and credentials in URLs (D42)', () => {
    const secret = 'hunter2';
    logger.info({ token: secret, a: { password: secret }, b: { c: { authorization: secret } }, value: new Secret(secret) }, 'secrets');
    expect(line()).toMatchObject({ token: '[secret]', a: { password: '[secret]' }, b: { c: { authorization: '[secret]' } }, value: '[secret]' });
    const cause = Object.assign(new TypeError(`connect postgres://gw:${secret}@db.internal/gw failed`), {
      code: 'ECONNREFUSED',
      config: { password: secret },
      query: secret,
    });
    logger.error({ err: new GwError('store.unavailable', 'The state database could not be reached.', { cause }) }, 'errors');
    const written = line();
    expect(written['err']).toMatchObject({ code: 'store.unavailable', stack: expect.stringContaining('postgres://[secret]@db.internal') });
    expect(readFileSync(file, 'utf8')).not.toContain(secret);
  });

  it('changes its level while it runs', () => {
    logger.debug({}, 'not written');
    logger.setLevel('debug');
    logger.debug({}, 'written');
    expect(line()).toMatchObject({ msg: 'written' });
    expect(readFileSync(file, 'utf8')).not.toContain('not written');
  });

  it('goes on without what cannot be written, ends with it, and says later what is missing', async () => {
    const later = join(tmpdir(), newId('gw-log'));
    writeFileSync(later, '');
    const done = await runProgram(process.execPath, ['--import', './scripts/load-typescript.mjs', 'test/gateway/log-to-full-disk.ts', later], {
      env: { PATH: process.env['PATH'] },
    });
    expect(done).toEqual({ code: 0, stdout: '', stderr: '' });
    const lines = readFileSync(later, 'utf8').trimEnd().split('\n');
    rmSync(later);
    expect(lines.map((text) => JSON.parse(text) as unknown)).toMatchObject([{ level: 'warn', lost: 2 }, { msg: 'there is room again' }]);
  });
});
