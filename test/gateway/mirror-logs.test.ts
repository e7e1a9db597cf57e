/** Copies of logs over a connection that is only trusted to bring bytes: they verify, grow, survive being cut off, and never become shorter. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuditReader } from '../../src/gateway/audit-reader.js';
import { mirrorLogs } from '../../src/gateway/mirror-logs.js';
import type { RemoteLogs } from '../../src/gateway/remote-logs.js';
import { buildLogs, forge, leavesOf, openTrail, session, verify, withDirectory } from '../audit/log-world.js';

const remoteOf = (dir: string): RemoteLogs => createAuditReader(dir);

describe('a copy of the logs', () => {
  it('verifies by itself, takes only what is new, and goes on after it was cut off', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await buildLogs(join(gateway, 'log'));
      expect(await mirrorLogs(remoteOf(gateway), copy)).toEqual([
        { log: 'bank/0', size: 285, added: 285, missing: [] },
        { log: 'bank/1', size: 7, added: 7, missing: [] },
      ]);
      expect((await verify(join(copy, 'log'))).problems).toEqual([]);
      const trail = await openTrail(join(gateway, 'log'), 0, 'wrk_c');
      session(trail, 'ses_c', 1, 600);
      await trail.close();
      let budget = 3;
      const cut: RemoteLogs = {
        list: () => remoteOf(gateway).list(),
        file: (path, limit) => (budget-- > 0 ? remoteOf(gateway).file(path, limit) : Promise.reject(new TypeError('cut off'))),
      };
      await expect(mirrorLogs(cut, copy)).rejects.toThrow('cut off');
      const asked: string[] = [];
      const counted: RemoteLogs = {
        list: () => remoteOf(gateway).list(),
        file: (path, limit) => {
          asked.push(path);
          return remoteOf(gateway).file(path, limit);
        },
      };
      expect((await mirrorLogs(counted, copy)).map(({ added }) => added)).toEqual([604, 0]);
      expect(asked).not.toContain('0/tile/entries/000');
      expect((await verify(join(copy, 'log'))).problems).toEqual([]);
      expect(await readdir(join(copy, 'log', '0', 'tile', 'entries'))).toEqual(await readdir(join(gateway, 'log', '0', 'tile', 'entries')));
    }));

  it('takes a newer checkpoint when the log grows under it', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await buildLogs(join(gateway, 'log'));
      let grown = false;
      const growing: RemoteLogs = {
        list: () => remoteOf(gateway).list(),
        file: async (path, limit) => {
          if (path.includes('tile') && !grown) {
            grown = true;
            const trail = await openTrail(join(gateway, 'log'), 0, 'wrk_c');
            session(trail, 'ses_c', 1, 3);
            await trail.close();
          }
          return remoteOf(gateway).file(path, limit);
        },
      };
      expect((await mirrorLogs(growing, copy))[0]).toMatchObject({ size: 285 + 7 });
      expect((await verify(join(copy, 'log'))).problems).toEqual([]);
    }));

  it('is made by one process at a time: a slower one would put an older checkpoint in place of a newer one', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await buildLogs(join(gateway, 'log'));
      const remote = remoteOf(gateway);
      const refused: unknown[] = [];
      let asked = 0;
      const slow: RemoteLogs = {
        list: () => remote.list(),
        file: async (path, limit) => {
          const bytes = await remote.file(path, limit);
          if (path !== '0/checkpoint' || asked++ > 0) return bytes;
          const trail = await openTrail(join(gateway, 'log'), 0, 'wrk_c');
          session(trail, 'ses_c', 1, 3);
          await trail.close();
          await mirrorLogs(remote, copy).catch((thrown: unknown) => refused.push(thrown));
          return bytes;
        },
      };
      expect((await mirrorLogs(slow, copy))[0]).toMatchObject({ size: 292 });
      expect(refused).toMatchObject([{ code: 'record.busy' }]);
      expect((await verify(join(copy, 'log'))).problems).toEqual([]);
    }));

  it('never becomes shorter, and ends at a gateway that claims what it does not give', () =>
    withDirectory(async (dir) => {
      const [gateway, copy] = [join(dir, 'gateway'), join(dir, 'copy')];
      await buildLogs(join(gateway, 'log'));
      await mirrorLogs(remoteOf(gateway), copy);
      const before = await readFile(join(copy, 'log', '0', 'checkpoint'));
      await forge(join(gateway, 'log', '0'), (await leavesOf(join(gateway, 'log', '0'), 285)).slice(0, 100));
      await expect(mirrorLogs(remoteOf(gateway), copy)).rejects.toMatchObject({
        code: 'audit.invalid',
        message: 'The log bank/0 has 100 entries; the copy has 285.',
      });
      expect(await readFile(join(copy, 'log', '0', 'checkpoint'))).toEqual(before);
      await rm(copy, { recursive: true });
      const poor: RemoteLogs = {
        list: () => remoteOf(gateway).list(),
        file: (path, limit) => (path.includes('entries') ? Promise.resolve(null) : remoteOf(gateway).file(path, limit)),
      };
      await expect(mirrorLogs(poor, copy)).rejects.toMatchObject({ code: 'audit.invalid' });
    }));
});
