/**
 * What somebody may do to a pack, or make a false one: each is found by `gw evidence verify` and by verify.sh, which has nothing of gw in it. "Outsiders" have
 * no key; "insiders" have the gateway's own key and sign the manifest again, so that only log and journal speak against them.
 */
import { execFile } from 'node:child_process';
import { type KeyObject, randomInt } from 'node:crypto';
import { cp, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditLeaf, decodeLeaf, encodeLeaf } from '../../src/audit/audit-leaf.js';
import { newSigningKey, parseCheckpoint, publicKeyBytes, readSigningKey, verifierKey } from '../../src/audit/index.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { LogWriter } from '../../src/audit/log-writer.js';
import { rootOverLogs } from '../../src/audit/root-over-logs.js';
import { silentLogger } from '../../src/base/logger.js';
import { leafHash } from '../../src/base/merkle-hash.js';
import { treeRoot } from '../../src/base/merkle-proof.js';
import { ROOT } from '../support/build-cli.js';
import { copyLive } from '../support/copy-live.js';
import { type EvidenceWorld, startEvidenceWorld } from './evidence-world.js';
import { edit, filesOf, lines, runScript, signAgain, verifyBoth, withCopy } from './pack-tools.js';

/** Kinds of entries of a journal. */
const DEFINE = 3;
const OPERATION = 4;
const DELIVERED = 6;

let world: EvidenceWorld;
let pack: string;
let key: KeyObject;
let alice: string;
let bob: string;

beforeAll(async () => {
  world = await startEvidenceWorld(1);
  pack = join(world.world.dir, 'pack');
  const exported = await world.gw('evidence', 'export', '--from', '2026-01-01', '-o', pack);
  expect(exported.stderr).toBe('');
  world.gateway.process.kill('SIGTERM');
  await world.gateway.exited;
  key = readSigningKey((await readFile(join(world.data, 'audit-key'), 'utf8')).trim(), 'The key');
  [alice, bob] = [world.sessions.get('alice') ?? '', world.sessions.get('bob') ?? ''];
}, 120_000);
afterAll(async () => {
  await world?.close();
});

async function found(mutate: (copy: string) => Promise<void>, keyFile = world.keyFile, checkpoints: readonly string[] = []): Promise<readonly string[]> {
  return withCopy(pack, async (copy) => {
    await mutate(copy);
    const { gw, script } = await verifyBoth(copy, keyFile, checkpoints);
    expect(gw, 'gw evidence verify finds it').not.toEqual([]);
    expect(script.code, `verify.sh finds it: ${script.text}`).toBe(1);
    return gw;
  });
}

/** Entries of a slice as the format has them. */
function sliceItems(bytes: Buffer): Buffer[] {
  const items: Buffer[] = [];
  for (let at = 4; at < bytes.length; ) {
    let end = bytes[at] === 0 ? at + 33 : at + 11 + bytes.readUInt32BE(at + 7);
    if (bytes[at] === 2) end += 4 + bytes.readUInt32BE(end);
    items.push(bytes.subarray(at, end));
    at = end;
  }
  return items;
}

const mkfifo = (path: string): Promise<unknown> => promisify(execFile)('mkfifo', [path]);

const slice = async (copy: string): Promise<string> => (await filesOf(copy)).find((file) => file.endsWith('.gws')) ?? '';

async function editSlice(copy: string, change: (items: Buffer[]) => Buffer[]): Promise<void> {
  const file = join(copy, await slice(copy));
  const bytes = await readFile(file);
  await writeFile(file, Buffer.concat([bytes.subarray(0, 4), ...change(sliceItems(bytes))]));
}

/** What a heartbeat of the one log says of its head. */
interface HeadSaid {
  readonly own: { readonly size: number; readonly root: string };
  readonly rootOverLogs: string;
}

function headSaid(own: HeadSaid['own']): HeadSaid {
  return { own, rootOverLogs: rootOverLogs([{ origin: 'test/0', size: own.size, root: Buffer.from(own.root, 'hex') }]).toString('hex') };
}

const dropRow = (matching: string) => (text: string) => {
  const kept = lines(text).filter((line, at) => at === 0 || !line.includes(matching));
  return `${kept.join('\n')}\n`;
};

it('an honest pack verifies, in both ways', async () => {
  const { gw, script } = await verifyBoth(pack, world.keyFile, [join(world.data, 'log', '0', 'checkpoint')]);
  expect(gw).toEqual([]);
  expect(script.code, script.text).toBe(0);
});

describe('outsiders', () => {
  it('flip a bit anywhere in any file', async () => {
    const left = await filesOf(pack);
    const flip = async (copy: string): Promise<void> => {
      for (let file = left.pop(); file !== undefined; file = left.pop()) {
        const bytes = await readFile(join(copy, file));
        if (bytes.length === 0) continue;
        const place = randomInt(bytes.length);
        const bit = 1 << randomInt(8);
        const turn = async (): Promise<void> => {
          bytes[place] = (bytes[place] ?? 0) ^ bit;
          await writeFile(join(copy, file), bytes);
        };
        await turn();
        const what = `${file} at ${place}`;
        const { gw, script } = await verifyBoth(copy, world.keyFile);
        expect(gw, what).not.toEqual([]);
        expect(script.code, `${what}: ${script.text}`).toBe(1);
        await turn();
      }
      const { gw, script } = await verifyBoth(copy, world.keyFile);
      expect(gw, 'turned back it is whole').toEqual([]);
      expect(script.code, script.text).toBe(0);
    };
    // Several copies, each with one bit at a time: while one verifier waits, the others work.
    await Promise.all(Array.from({ length: 4 }, () => withCopy(pack, flip)));
  }, 180_000);

  it('drop, add, cut and swap files and rows', async () => {
    expect(await found((copy) => unlink(join(copy, 'E04', 'operations.csv')))).toEqual(['file']);
    expect(await found((copy) => writeFile(join(copy, 'E04', 'more.csv'), 'time\n'))).toEqual(['file']);
    expect(await found((copy) => edit(copy, 'E09/sessions.csv', dropRow(bob)))).toEqual(['file']);
    expect(
      await found((copy) =>
        edit(copy, 'E04/operations.csv', (text) => {
          const [head = '', one = '', two = '', ...rest] = lines(text);
          return `${[head, two, one, ...rest].join('\n')}\n`;
        }),
      ),
    ).toEqual(['file']);
    expect(await found((copy) => edit(copy, 'crosswalk.csv', (text) => text.slice(0, -20)))).toEqual(['file']);
    expect(
      await found(async (copy) => {
        const [one, two] = [join(copy, 'sessions', alice, 'approval.json'), join(copy, 'sessions', bob, 'approval.json')];
        const kept = await readFile(one);
        await cp(two, one);
        await writeFile(two, kept);
      }),
    ).toEqual(['file']);
  });

  it('give files names that act on a terminal, and put in what is no file', async () => {
    for (const put of [
      (copy: string) => writeFile(join(copy, 'a\u001b]0;owned\u0007\u009b2J'), ''),
      (copy: string) => symlink('/etc/hostname', join(copy, 'link\u001b[2J')),
      (copy: string) => mkfifo(join(copy, 'pipe')),
      async (copy: string) => {
        await rename(join(copy, 'report.html'), join(copy, '..', 'report.html'));
        await symlink(join(copy, '..', 'report.html'), join(copy, 'report.html'));
      },
      async (copy: string) => {
        await unlink(join(copy, 'crosswalk.csv'));
        await mkfifo(join(copy, 'crosswalk.csv'));
      },
    ])
      await withCopy(pack, async (copy) => {
        await put(copy);
        const { gw, script } = await verifyBoth(copy, world.keyFile);
        expect(gw).toEqual(['file']);
        expect(script.code, script.text).toBe(1);
        expect(script.text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
      });
    await withCopy(pack, async (copy) => {
      await unlink(join(copy, 'manifest.json'));
      await mkfifo(join(copy, 'manifest.json'));
      expect((await runScript(copy, world.keyFile)).code).toBe(2);
      expect(await world.home.run(['evidence', 'verify', copy])).toMatchObject({ code: 2 });
    });
  });

  it('sign it all again with another key, and put that key into the pack', async () => {
    const other = readSigningKey(newSigningKey(), 'The key');
    const claims = await found(async (copy) => {
      await writeFile(join(copy, 'keys', 'audit.pub'), `${verifierKey('test/0', 1, publicKeyBytes(other))}\n`);
      await signAgain(copy, other);
    });
    expect(claims).toEqual(['signature']);
  });

  it('without a key of the reader, both say that the one in the pack was taken', async () => {
    const said = await runScript(pack, null);
    expect(said.code).toBe(0);
    expect(said.text).toContain('No key was given');
    expect((await world.home.run(['evidence', 'verify', pack])).stderr).toContain('No key was given');
  });
});

describe('insiders, who have the key and sign the manifest again', () => {
  const insider = (mutate: (copy: string) => Promise<void>): Promise<readonly string[]> =>
    found(async (copy) => {
      await mutate(copy);
      await signAgain(copy, key);
    });

  it('drop an operation from the table', async () => {
    expect(await insider((copy) => edit(copy, 'E04/operations.csv', dropRow('drop table')))).toEqual(['derived']);
  });

  it('remove one session from the listing', async () => {
    expect(await insider((copy) => edit(copy, 'E09/sessions.csv', dropRow(bob)))).toEqual(['derived']);
  });

  it('change a statement, its outcome or its time in the table', async () => {
    expect(await insider((copy) => edit(copy, 'E04/operations.csv', (text) => text.replace(/(?<=,)7746d2a2[0-9a-f]+/, 'a'.repeat(64))))).toEqual(['derived']);
    expect(
      await insider((copy) => edit(copy, 'E04/operations.csv', (text) => text.replace(',DELETE 1,', ',DELETE 0,').replace(',ok,1,14,', ',ok,0,14,'))),
    ).toEqual(['derived']);
    expect(
      await insider((copy) => edit(copy, 'E04/operations.csv', (text) => text.replace(/\n2026-11-/, '\n2026-10-').replace(/\n20(\d\d)-/, '\n19$1-'))),
    ).toEqual(['derived']);
  });

  it('drop a row of any table: the script finds it in all but those that the documentation names', async () => {
    const unseen = /^E02\/(?!roles)|^(E03|E1[2-6])\/|^crosswalk\.csv$|^E07\/scan\.csv$|^E08\/policies\.csv$|^E11\/(holds|oldest)\.csv$/;
    const documented = await readFile(join(ROOT, 'docs', 'evidence.md'), 'utf8');
    for (const name of ['E02 (but the roles)', 'E03', 'E12 to E16', 'E07/scan.csv', 'E08/policies.csv', 'E11/holds.csv', 'E11/oldest.csv'])
      expect(documented).toContain(name);
    const seen: string[] = [];
    for (const file of (await filesOf(pack)).filter((each) => each.endsWith('.csv'))) {
      const rows = lines(await readFile(join(pack, file), 'utf8')).length - 1;
      if (rows < 1) continue;
      await withCopy(pack, async (copy) => {
        await edit(copy, file, (text) => `${lines(text).slice(0, -1).join('\n')}\n`);
        await signAgain(copy, key);
        const { code, text } = await runScript(copy, world.keyFile);
        expect([file, code], text).toEqual([file, unseen.test(file) ? 0 : 1]);
      });
      if (!unseen.test(file)) seen.push(file);
    }
    expect(seen).toEqual(
      expect.arrayContaining([
        'E01/logs.csv',
        'E01/segments.csv',
        'E02/roles.csv',
        'E04/operations.csv',
        'E05/approvals.csv',
        'E06/calls.csv',
        'E08/changes.csv',
        'E10/life.csv',
      ]),
    );
  });

  it('tell another story in a row than the log does', async () => {
    for (const [file, from, to] of [
      ['E04/operations.csv', ',allow,', ',deny,'],
      ['E04/operations.csv', 'sub-alice', 'sub-bob'],
      ['E04/operations.csv', 'policy/no-drop', 'policy/other'],
      ['E08/changes.csv', ',gateway.start,', ',gateway.stop,'],
      ['E10/life.csv', '""due""', '""end""'],
      ['E06/calls.csv', /,login\.[a-z_]+,/, ',login.expired_long_ago,'],
    ] as const)
      await withCopy(pack, async (copy) => {
        await edit(copy, file, (text) => text.replace(from, to));
        await signAgain(copy, key);
        const { code, text } = await runScript(copy, world.keyFile);
        expect([file, String(from), code], text).toEqual([file, String(from), 1]);
      });
  });

  it('date a session back', async () => {
    expect(await insider((copy) => edit(copy, 'E09/sessions.csv', (text) => text.replace(new RegExp(`${alice},20`), `${alice},19`)))).toEqual(['derived']);
  });

  it('swap the approvals of two sessions', async () => {
    const claims = await insider(async (copy) => {
      const [one, two] = [join(copy, 'sessions', alice, 'approval.json'), join(copy, 'sessions', bob, 'approval.json')];
      const [a, b] = [await readFile(one, 'utf8'), await readFile(two, 'utf8')];
      await writeFile(one, b.replaceAll(bob, alice));
      await writeFile(two, a.replaceAll(alice, bob));
    });
    expect(claims).toEqual(['derived']);
  });

  it('name another approver', async () => {
    expect(await insider((copy) => edit(copy, 'E05/steps.csv', (text) => text.replace('sub-rita', 'sub-bob')))).toEqual(['derived']);
  });

  it('make a login stronger than it was', async () => {
    for (const [file, from, to] of [
      ['E09/sessions.csv', 'pwd mfa', 'hwk mfa'],
      ['E09/sessions.csv', 'urn:bank:strong', 'urn:bank:stronger'],
      ['E05/steps.csv', 'pwd mfa', 'hwk mfa'],
    ] as const)
      expect([file, to, await insider((copy) => edit(copy, file, (text) => text.replace(from, to)))]).toEqual([file, to, ['derived']]);
  });

  it('put clear text in the place of masked text in a record', async () => {
    const claims = await insider((copy) =>
      edit(copy, `sessions/${alice}/record.ndjson`, (text) =>
        text.replace(
          /"base64":"([^"]+)"/,
          (_, base64: string) =>
            `"base64":"${Buffer.from(Buffer.from(base64, 'base64').toString('latin1').replace('***-**-6701', '123-45-6701'), 'latin1').toString('base64')}"`,
        ),
      ),
    );
    expect(claims).toEqual(['derived']);
  });

  it('put the proof of one session in the place of that of another', async () => {
    expect(await insider((copy) => cp(join(copy, 'sessions', bob, 'proof.tlog-proof'), join(copy, 'sessions', alice, 'proof.tlog-proof')))).toEqual([
      'derived',
    ]);
  });

  it('reorder, drop, cut or date back entries of a journal', async () => {
    const swapped = (items: Buffer[]): Buffer[] => [...items.slice(0, 3), items[4] as Buffer, items[3] as Buffer, ...items.slice(5)];
    expect(await insider((copy) => editSlice(copy, swapped))).toContain('journal');
    expect(await insider((copy) => editSlice(copy, (items) => items.toSpliced(7, 1)))).toContain('journal');
    expect(await insider((copy) => editSlice(copy, (items) => items.slice(0, -1)))).toContain('journal');
    const backdated = (items: Buffer[]): Buffer[] => {
      const item = Buffer.from(items[5] as Buffer);
      item.writeUIntBE(item.readUIntBE(1, 6) - 86_400_000, 1, 6);
      return items.toSpliced(5, 1, item);
    };
    expect(await insider((copy) => editSlice(copy, backdated))).toContain('journal');
  });

  it('withhold an operation behind its hash, and leave it out of the tables', async () => {
    const claims = await insider(async (copy) => {
      await editSlice(copy, (items) =>
        items.map((item) => {
          if (item[11] !== OPERATION || !item.includes('drop table')) return item;
          const end = 11 + item.readUInt32BE(7);
          return Buffer.concat([Buffer.of(0), leafHash(Buffer.concat([item.subarray(1, 7), item.subarray(11, end)]))]);
        }),
      );
      await edit(copy, 'E04/operations.csv', dropRow('drop table'));
      await edit(copy, 'E06/operations.csv', dropRow('drop table'));
    });
    expect(claims).toEqual(['complete', 'derived']);
  });

  it('show a session without the content of one of its operations, as if that were erased', async () => {
    const claims = await withCopy(pack, async (copy) => {
      await editSlice(copy, (items) =>
        items.map((item) =>
          item[11] === OPERATION && item.includes('drop table') ? Buffer.concat([Buffer.of(1), item.subarray(1, 11 + item.readUInt32BE(7))]) : item,
        ),
      );
      await signAgain(copy, key);
      const { gw, script } = await verifyBoth(copy, world.keyFile);
      expect(script.text).toMatch(/^journal: session \d+ of \S+ has entries that are shown without their content/m);
      return gw;
    });
    expect(claims).toContain('journal');
  });

  it('show something else than what is encrypted: a result, a decision, a statement', async () => {
    // Results and decisions are held to the key of the session, statements to the commitment in their entry too.
    for (const [kind, from, to] of [
      [DELIVERED, '***-**-6701', '123-45-6701'],
      [DEFINE, 'policy/no-drop', 'policy/no-drip'],
      [OPERATION, 'drop table', 'read table'],
    ] as const) {
      const changed = (items: Buffer[]): Buffer[] =>
        items.map((item) => (item[0] === 2 && item[11] === kind ? Buffer.from(item.toString('latin1').replace(from, to), 'latin1') : item));
      const claims = await insider(async (copy) => {
        const before = await readFile(join(copy, await slice(copy)));
        await editSlice(copy, changed);
        expect((await readFile(join(copy, await slice(copy)))).equals(before)).toBe(false);
      });
      expect(claims).toContain('journal');
    }
    expect(await insider((copy) => unlink(join(copy, 'keys', 'sessions.ndjson')))).toContain('journal');
    expect(await insider((copy) => edit(copy, 'keys/sessions.ndjson', (text) => text.replace(/"key":"../, '"key":"00')))).toContain('journal');
  });

  it('leave a segment of a journal out', async () => {
    expect(await insider(async (copy) => unlink(join(copy, await slice(copy))))).toContain('complete');
  });

  it('say that a check holds that does not, or that a control is met', async () => {
    // The script of an outsider does not make the report again: that is what gw is for.
    for (const [file, from, to] of [
      ['oscal/ar.json', '"not-satisfied"', '"satisfied"'],
      ['report.html', 'not supported', 'supported'],
      ['00-scope.md', 'not recorded by gw', 'there'],
      ['E02/access.csv', 'sub-fay', 'sub-bob'],
    ] as const) {
      await withCopy(pack, async (copy) => {
        await edit(copy, file, (text) => text.replace(from, to));
        await signAgain(copy, key);
        expect((await verifyBoth(copy, world.keyFile)).gw, file).toEqual(['derived']);
      });
    }
  });
});

describe('a log that was written anew by somebody with its key', () => {
  /** The evidence of the gateway with other entries in its log, as they would be signed, and a pack of it. */
  async function forged(name: string, change: (leaves: readonly AuditLeaf[]) => readonly AuditLeaf[]): Promise<string> {
    const data = join(world.world.dir, name);
    await copyLive(world.data, data, /lock$|\/state/);
    const directory = join(data, 'log', '0');
    const files = new LogFiles(directory);
    const size = parseCheckpoint((await files.checkpoint()) as Buffer)?.checkpoint.size ?? 0;
    const leaves: AuditLeaf[] = [];
    for await (const { leaf } of files.leaves(size)) leaves.push(decodeLeaf(leaf) as AuditLeaf);
    await rm(directory, { recursive: true });
    const log = await LogWriter.open({ directory, origin: 'test/0', keys: [key], logger: silentLogger, checkpointMs: 3_600_000, retryMs: 3_600_000 });
    for (const leaf of change(leaves)) log.append(encodeLeaf(leaf));
    await log.close();
    const out = `${data}-pack`;
    const exported = await world.home.run(['evidence', 'export', '--data', data, '--from', '2026-01-01', '-o', out]);
    expect(exported.code, exported.stderr).toBe(0);
    return out;
  }

  it('gives a pack that adds up, and does not continue a checkpoint that was kept', async () => {
    const out = await forged('forged', (leaves) =>
      leaves.map((leaf) => (leaf.kind === 'log.open' ? { ...leaf, data: { ...leaf.data, version: 'other' } } : leaf)),
    );
    const alone = await verifyBoth(out, world.keyFile);
    expect(alone.gw).toEqual([]);
    expect(alone.script.code, alone.script.text).toBe(0);
    const kept = join(pack, 'log', '0', 'checkpoint');
    const compared = await verifyBoth(out, world.keyFile, [kept]);
    expect(compared.gw).toEqual(['fork']);
    expect(compared.script.code).toBe(1);
    expect(compared.script.text).toContain('fork:');
  });

  it.each<[string, (said: HeadSaid) => object, string | null]>([
    ['its own head and the root over the logs', (said) => said, null],
    ['another root over the logs', (said) => ({ ...said, rootOverLogs: 'ab'.repeat(32) }), 'log'],
    ['a root over the logs, and not its own head', ({ rootOverLogs: root }) => ({ rootOverLogs: root }), 'log'],
    ['a head that it never had', ({ own }) => headSaid({ ...own, root: 'cd'.repeat(32) }), 'fork'],
  ])('says in a heartbeat %s', async (what, change, claim) => {
    const out = await forged(`beating ${what}`, (leaves) => {
      const [before, close] = [leaves.slice(0, -1), leaves.at(-1) as AuditLeaf];
      const root = treeRoot(before.map((leaf) => leafHash(encodeLeaf(leaf)))).toString('hex');
      const data = { due: close.time, anchors: [], ...change(headSaid({ size: before.length, root })) };
      return [...before, { ...close, kind: 'log.heartbeat', data }, { ...close, n: close.n + 1 }];
    });
    const { gw, script } = await verifyBoth(out, world.keyFile);
    expect(gw).toEqual(claim === null ? [] : [claim]);
    expect(script.code, script.text).toBe(claim === null ? 0 : 1);
    expect([...new Set(script.text.split('\n').flatMap((line) => /^(\w+): /.exec(line)?.[1] ?? []))]).toEqual(gw);
  });

  it('is not signed again by an export when its checkpoint is not signed, or its tiles do not fit', async () => {
    const damaged = join(world.world.dir, 'damaged');
    await copyLive(world.data, damaged, /lock$|\/state/);
    const tiles = (await filesOf(join(damaged, 'log', '0'))).filter((file) => file.startsWith('tile/entries'));
    const tile = join(damaged, 'log', '0', tiles.at(-1) ?? '');
    await writeFile(tile, (await readFile(tile, 'latin1')).replace('sub-alice', 'sub-bobby'), 'latin1');
    const refused = await world.home.run(['evidence', 'export', '--data', damaged, '--from', '2026-01-01', '-o', join(world.world.dir, 'never')]);
    expect(refused.code).toBe(9);
    expect(refused.stderr).toContain('is not the one that the tree holds');
    expect(await filesOf(world.world.dir)).not.toContainEqual(expect.stringMatching(/^never/));
  });
});
