/**
 * Writes `test/formats/evidence-v1`: a small pack, the proof of one operation, the key, and a checkpoint that was kept before. Once a version is released, what
 * it wrote stays as it is, and must verify for ever: `npm run script -- test/evidence/write-committed.ts DIR`.
 */
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { proveSession } from '../../src/gateway/session-proof.js';
import { keys } from '../recording/session-fixture.js';
import { history } from './pack-history.js';
import { ALLOW, DAY, operate, PackWorld } from './pack-world.js';

const out = resolve(process.argv[2] ?? '.');
await mkdir(out, { recursive: true });
const world = await PackWorld.create();
try {
  const more: NonNullable<Parameters<typeof history>[1]['more']> = async ({ trail }) => {
    const issuer = 'https://issuer.example';
    trail.append('gateway.roles', { admins: [{ issuer, group: 'platform' }], auditors: [{ issuer, subject: 'carol' }], more: 0 });
    trail.append('retention.rules', { recordings: 400 * DAY, approvals: 2557 * DAY, index: 400 * DAY, log: null, targets: [] });
    trail.append('retention.run', { knownTime: new Date(world.wall).toISOString(), recordings: 0, held: 0, segments: 0, index: 0, approvals: 0, entries: 0 });
    return Promise.resolve();
  };
  await history(world, { more });
  await copyFile(join(world.dir, 'log', '0', 'checkpoint'), join(out, 'kept.checkpoint'));
  await world.run('wrk_b', ({ session }) => session('ses_later', (recorder) => operate(recorder, 1, 'select 1', ALLOW), { operations: 1 }));
  const { pack } = await world.export('pack');
  execFileSync('tar', ['-czf', join(out, 'pack.tar.gz'), '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '-C', world.dir, 'pack']);
  await copyFile(world.keyFile, join(out, 'audit.pub'));
  await writeFile(join(out, 'proof.json'), `${JSON.stringify(await proveSession(world.dir, 'ses_alice', 3, keys), null, 2)}\n`);
  process.stdout.write(`${pack} is in ${out}\n`);
} finally {
  await world.remove();
}
