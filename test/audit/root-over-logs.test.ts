/** One hash over all logs of a gateway: heartbeats say it, whoever verifies makes it again, and one that is not that of the logs is found. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { AuditLeaf } from '../../src/audit/audit-leaf.js';
import { AuditTrail } from '../../src/audit/audit-trail.js';
import { KEY_TYPE, publicKeyBytes, verifierKey } from '../../src/audit/index.js';
import { rootOverLogs } from '../../src/audit/root-over-logs.js';
import { eventually } from '../store/state-server.js';
import { forge, key, leavesOf, openTrail, session, verify, withDirectory } from './log-world.js';
import { otherVerifier } from './other-verifier.js';

/** As docs/spec/log.md has it, without any code of the gateway. */
function asSpecified(heads: readonly { readonly log: string; readonly size: number; readonly root: string }[]): string {
  const sha = (...parts: readonly (string | Buffer)[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
  const leaves = [...heads]
    .sort((one, other) => Buffer.compare(Buffer.from(one.log), Buffer.from(other.log)))
    .map(({ log, size, root }) => sha('\0', `${log}\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`));
  const over = (hashes: readonly Buffer[]): Buffer => {
    if (hashes.length <= 1) return hashes[0] ?? sha();
    const left = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
    return sha('\x01', over(hashes.slice(0, left)), over(hashes.slice(left)));
  };
  return over(leaves).toString('hex');
}

const head = (log: string, size: number) => ({ log, size, root: createHash('sha256').update(log).digest('hex') });

describe('the root over logs', () => {
  it.each([0, 1, 2, 3, 4, 5, 7, 8, 9])('of %i logs is that of the specification, in whatever order they are given', (count) => {
    const heads = Array.from({ length: count }, (_, place) => head(`bank/${place}`, place * 1_000 + 1));
    const checkpoints = heads.map(({ log, size, root }) => ({ origin: log, size, root: Buffer.from(root, 'hex') }));
    expect(rootOverLogs(checkpoints).toString('hex')).toBe(asSpecified(heads));
    expect(rootOverLogs(checkpoints.toReversed()).toString('hex')).toBe(asSpecified(heads));
  });

  it('is the one of the test vector', () => {
    const heads = [head('bank/0', 70), head('bank/1', 256), head('bank/10', 1), head('bank/2', 3)];
    expect(asSpecified(heads)).toBe('5669d89cc4bb5968a840488ea1a2d4f865f2bba110f915d52b628d62d4aabd9a');
  });

  /** Two logs, of which the first says how far both are. */
  async function beating(dir: string): Promise<{ readonly leaves: readonly AuditLeaf[]; readonly beat: number }> {
    for (const [number, journal] of [
      [1, 'wrk_b'],
      [0, 'wrk_a'],
    ] as const) {
      const trail = await openTrail(dir, number, journal);
      session(trail, `ses_${number}`, 1);
      await trail.close();
    }
    // It says nothing of itself before its first checkpoint, which the log before has.
    const told = vi.spyOn(AuditTrail.prototype, 'append');
    const trail = await openTrail(dir, 0, 'wrk_c', undefined, undefined, { heartbeatMs: 5 });
    await eventually('a heartbeat is in the log', () => told.mock.calls.some(([kind]) => kind === 'log.heartbeat'));
    told.mockRestore();
    await trail.close();
    const leaves = await leavesOf(join(dir, '0'), (await verify(dir)).logs[0]?.size ?? 0);
    return { leaves, beat: leaves.findLastIndex(({ kind }) => kind === 'log.heartbeat') };
  }

  it('stands in every heartbeat, and is made again of what is verified', () =>
    withDirectory(async (dir) => {
      const { leaves } = await beating(dir);
      const beats = leaves.filter(({ kind }) => kind === 'log.heartbeat');
      expect(beats.length).toBeGreaterThan(0);
      for (const { data } of beats) {
        const own = { log: 'bank/0', ...(data['own'] as { size: number; root: string }) };
        expect(data['rootOverLogs']).toBe(asSpecified([...(data['anchors'] as { log: string; size: number; root: string }[]), own]));
      }
      const report = await verify(dir);
      expect(report.problems).toEqual([]);
      expect(report.rootOverLogs).toBe(asSpecified(report.logs.map(({ log, size, root }) => ({ log, size, root }))));
    }));

  it.each<[string, (data: Record<string, unknown>) => Record<string, unknown>, string | null]>([
    ['what is true', (data) => data, null],
    ['another root', (data) => ({ ...data, rootOverLogs: 'ab'.repeat(32) }), 'log'],
    [
      'a root over fewer logs',
      (data) => ({ ...data, rootOverLogs: asSpecified([{ log: 'bank/0', ...(data['own'] as { size: number; root: string }) }]) }),
      'log',
    ],
    ['a root without the log itself', ({ own: _, ...data }) => data, 'log'],
    [
      'a root that fits to a state of the log that never was',
      (data) => {
        const own = { size: (data['own'] as { size: number }).size, root: 'cd'.repeat(32) };
        return { ...data, own, rootOverLogs: asSpecified([...(data['anchors'] as { log: string; size: number; root: string }[]), { log: 'bank/0', ...own }]) };
      },
      'fork',
    ],
  ])('%s, signed again by whoever has the key, is judged as it is by every verifier', (_what, change, claim) =>
    withDirectory(async (dir) => {
      const logs = join(dir, 'log');
      const { leaves, beat } = await beating(logs);
      await forge(
        join(logs, '0'),
        leaves.map((leaf, n) => (n === beat ? { ...leaf, data: change(leaf.data) } : leaf)),
      );
      const { problems } = await verify(logs);
      expect(problems).toMatchObject(claim === null ? [] : [{ claim, log: 'bank/0' }]);
      await writeFile(join(dir, 'audit.pub'), `${verifierKey('bank', KEY_TYPE.log, publicKeyBytes(key))}\n`);
      expect((await otherVerifier(dir, join(dir, 'audit.pub'))).claims).toEqual(claim === null ? [] : [claim]);
    }),
  );
});
