/**
 * What this version wrote, committed once: a pack and a proof verify by every later one, with gw and with the scripts, and do not when they are changed. A
 * pack fails here when a file that is derived changes its form: such a change raises `PACK_FORMAT`.
 */
import { execFileSync } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEvidence } from '../../src/gateway/evidence-workbench.js';
import { makeHome } from '../support/run-cli.js';
import { runProgram } from '../support/run-program.js';
import { edit, signAgain, verifyBoth, withCopy } from './pack-tools.js';
import { SIGNER } from './pack-world.js';

const FIXTURE = join(import.meta.dirname, '..', 'formats', 'evidence-v1');
const KEY = join(FIXTURE, 'audit.pub');
const KEPT = join(FIXTURE, 'kept.checkpoint');

let dir: string;
let pack: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-committed-'));
  execFileSync('tar', ['-xzf', join(FIXTURE, 'pack.tar.gz'), '-C', dir]);
  pack = join(dir, 'pack');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('the committed pack', () => {
  it('verifies with gw, with the script of this version, and with its own', async () => {
    const { gw, script } = await verifyBoth(pack, KEY, [KEPT]);
    expect(gw).toEqual([]);
    expect(script.code, script.text).toBe(0);
    expect(script.text).toContain('4 sessions');
    const own = await runProgram('sh', [join(pack, 'verify.sh'), '--key', KEY, '--checkpoint', KEPT, pack]);
    expect(own.code, own.stderr).toBe(0);
    const found = await verifyEvidence({ pack, keyFiles: [KEY], checkpointFiles: [KEPT] }, () => undefined);
    expect(found).toMatchObject({ gateway: 'bank', problems: [], findings: [], logs: [{ log: 'bank/0' }] });
    expect(found.sections).toHaveLength(16);
  });

  it('does not when one byte of it is another, nor by another key', async () => {
    await withCopy(pack, async (copy) => {
      await edit(copy, 'E05/approvals.csv', (text) => text.replace('T-1', 'T-2'));
      const { gw, script } = await verifyBoth(copy, KEY, [KEPT]);
      expect(gw).toEqual(['file']);
      expect(script.code).toBe(1);
    });
    const other = join(dir, 'other.pub');
    await writeFile(other, await readFile(join(FIXTURE, '..', 'log-v1', 'audit.pub')));
    const { gw, script } = await verifyBoth(pack, other);
    expect(gw).toContain('signature');
    expect(script.code).toBe(1);
  });

  it('with a script of another version is the same pack, and that is said', async () => {
    await withCopy(pack, async (copy) => {
      await appendFile(join(copy, 'verify.sh'), '# of another version\n');
      await signAgain(copy, SIGNER);
      const { gw, script } = await verifyBoth(copy, KEY, [KEPT]);
      expect([gw, script.code]).toEqual([[], 0]);
      const { notices } = await verifyEvidence({ pack: copy, keyFiles: [KEY], checkpointFiles: [] }, () => undefined);
      expect(notices).toEqual([expect.stringContaining('verify.sh')]);
    });
    await withCopy(pack, async (copy) => {
      await rm(join(copy, 'verify.sh'));
      await signAgain(copy, SIGNER);
      expect((await verifyBoth(copy, KEY)).gw).toEqual(['derived']);
    });
  });
});

it('the committed proof verifies alone, and not when the text that it proves is another', async () => {
  const home = await makeHome();
  try {
    const file = join(FIXTURE, 'proof.json');
    const said = await home.run(['audit', 'verify', file, '--key', KEY, '--json']);
    expect(said.code, said.stderr).toBe(0);
    expect(said.stdout).toContain('ses_alice');
    const text = await readFile(file, 'utf8');
    const changed = join(dir, 'changed.json');
    await writeFile(changed, text.replace('"operation": 3', '"operation": 1'));
    expect(await readFile(changed, 'utf8')).not.toBe(text);
    expect((await home.run(['audit', 'verify', changed, '--key', KEY])).code).toBe(9);
  } finally {
    await home.remove();
  }
});
