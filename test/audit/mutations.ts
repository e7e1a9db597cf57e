/**
 * What may be done to evidence, as classes of mutations over a real directory. Each takes random choices, changes something, and says which claims must
 * fail: at least one of them has to, with what outsiders kept or without it. `owner`: needs the signing key, so only what others kept need show it.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditLeaf, encodeLeaf } from '../../src/audit/audit-leaf.js';
import { parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.js';
import { decodeBundle, encodeBundle } from '../../src/audit/entry-bundle.js';
import { pruneLog } from '../../src/audit/prune-log.js';
import { takeLockFile } from '../../src/base/lock-file.js';
import type { SeededRandom } from '../support/kill/seeded-random.js';
import type { EvidenceFiles } from './evidence-files.js';
import { HOLD, KEYS } from './forged-world.js';
import { type JournalEntry, readFrames, rewriteJournal, writeFrames } from './journal-surgery.js';
import { forge, leavesOf } from './log-world.js';

export interface Applied {
  /** In words, for a report of what was missed. */
  readonly what: string;
  /** One of these claims must fail when outsiders kept something. */
  readonly kept: readonly string[];
  /** … and when nobody did; none: only what was kept shows it. */
  readonly alone: readonly string[];
}

export type Mutation = (files: EvidenceFiles, random: SeededRandom) => Promise<Applied>;

/** The claims of which one has to fail when this file is not what it was. */
function claimsOf(path: string): readonly string[] {
  if (path.startsWith('journal/')) return ['journal', 'segment'];
  if (path.includes('/timestamp/')) return ['timestamp'];
  if (path.includes('/tile/entries/')) return ['entry'];
  if (path.includes('/tile/')) return ['tile', 'entry'];
  return ['signature'];
}

const both = (what: string, claims: readonly string[]): Applied => ({ what, kept: claims, alone: claims });

/** Changes one file in a way that leaves no doubt that it is another. */
const onFile =
  (name: string, change: (bytes: Buffer, random: SeededRandom) => Buffer | null): Mutation =>
  async (files, random) => {
    for (;;) {
      const path = random.pick(files.paths);
      const before = files.original(path);
      const after = change(Buffer.from(before), random);
      if (after?.equals(before)) continue;
      await files.write(path, after);
      return both(`${name} ${path}`, claimsOf(path));
    }
  };

function flipped(bytes: Buffer, random: SeededRandom): Buffer {
  const at = random.int(0, bytes.length - 1);
  bytes[at] = (bytes[at] as number) ^ (1 << random.int(0, 7));
  return bytes;
}

function overwritten(bytes: Buffer, random: SeededRandom): Buffer {
  const from = random.int(0, bytes.length - 1);
  const to = Math.min(bytes.length, from + random.int(1, 64));
  for (let at = from; at < to; at++) bytes[at] = random.int(0, 255);
  return bytes;
}

const sameKind = (path: string): string => path.replace(/\d+/g, '#').replace('wrk_a', 'wrk').replace('wrk_b', 'wrk').replace('wrk_c', 'wrk');

/** Two files of one kind, with different content. */
function twoFiles(files: EvidenceFiles, random: SeededRandom): [string, string] {
  for (;;) {
    const one = random.pick(files.paths);
    const other = random.pick(files.paths);
    if (sameKind(one) === sameKind(other) && !files.original(one).equals(files.original(other))) return [one, other];
  }
}

/** The entries of a bundle, changed, without the key: tiles and checkpoint stay. */
const onBundle =
  (name: string, change: (leaves: Buffer[], random: SeededRandom) => Buffer[]): Mutation =>
  async (files, random) => {
    const width = (path: string): number => Number(/\.p\/(\d+)$/.exec(path)?.[1] ?? 256);
    const path = random.pick(files.paths.filter((each) => each.includes('/tile/entries/') && width(each) > 2));
    const before = files.original(path);
    const count = width(path);
    for (;;) {
      const after = encodeBundle(change([...(decodeBundle(before, count) ?? [])], random));
      if (after.equals(before)) continue;
      await files.write(path, after);
      return both(`${name} in ${path}`, ['entry', 'order']);
    }
  };

function inLeaf(leaf: Buffer, change: (value: AuditLeaf) => object): Buffer {
  return Buffer.from(JSON.stringify(change(JSON.parse(leaf.toString()) as AuditLeaf)));
}

/** Two places in a list, the first one smaller. */
function twoPlaces(length: number, random: SeededRandom): [number, number] {
  const [a, b] = [random.int(0, length - 1), random.int(0, length - 2)];
  return a <= b ? [a, b + 1] : [b, a];
}

function swapped<T>(list: T[], random: SeededRandom): T[] {
  const [a, b] = twoPlaces(list.length, random);
  [list[a], list[b]] = [list[b] as T, list[a] as T];
  return list;
}

/** Frames of a segment as they lie there, in another order or number: nothing is hashed anew. */
const onFrames =
  (name: string, change: (frames: Buffer[], random: SeededRandom) => Buffer[]): Mutation =>
  async (files, random) => {
    const path = random.pick(files.paths.filter((each) => each.endsWith('.gwj')));
    const { head, frames } = readFrames(files.original(path));
    const after = writeFrames(head, change([...frames], random));
    if (after.equals(files.original(path))) throw new TypeError('nothing was changed');
    await files.write(path, after);
    return both(`${name} of ${path}`, ['journal', 'segment']);
  };

/** A whole journal written anew so that it adds up in itself: chain, seals, roots. */
const onJournal =
  (name: string, change: (entries: JournalEntry[], random: SeededRandom) => boolean): Mutation =>
  async (files, random) => {
    const journal = random.pick(['wrk_a', 'wrk_b', 'wrk_c']);
    const segments = files.paths.filter((path) => path.startsWith(`journal/${journal}/`)).sort();
    const after = rewriteJournal(
      segments.map((path) => files.original(path)),
      (entries) => change(entries, random),
    );
    for (const [at, path] of segments.entries()) await files.write(path, after[at] as Buffer);
    return both(`${name} in ${journal}`, ['segment', 'journal', 'session']);
  };

const text = (entry: JournalEntry): string => entry.payload.toString('latin1');

/** Log 0 or 1 written anew with the right key; timestamps stay where they are. */
const asOwner =
  (name: string, alone: readonly string[], change: (leaves: AuditLeaf[], random: SeededRandom) => AuditLeaf[], renumber = true): Mutation =>
  async (files, random) => {
    const log = random.pick(['0', '0', '0', '1']);
    const directory = join(files.dir, 'log', log);
    const size = parseCheckpoint(files.original(`log/${log}/checkpoint`))?.checkpoint.size ?? 0;
    const leaves = await leavesOf(directory, size);
    const before = JSON.stringify(leaves);
    const changed = change(leaves, random);
    if (JSON.stringify(changed) === before) throw new TypeError('nothing was changed');
    files.touch(`log/${log}/`);
    await forge(directory, changed, KEYS.second, renumber);
    await files.restore((path) => path.startsWith(`log/${log}/timestamp/`));
    return { what: `the owner of the key ${name} in log ${log}`, kept: ['fork'], alone };
  };

const sessionsOf = (leaves: readonly AuditLeaf[]): string[] => leaves.flatMap(({ kind, data }) => (kind === 'session.start' ? [String(data['session'])] : []));
const of = (id: string) => (leaf: AuditLeaf) => leaf.data['session'] === id;
const ofSession = (leaf: AuditLeaf): boolean => /^(session\.start|session\.end|operation\.deny|data\.)/.test(leaf.kind);

/** Every use of a word with two sessions exchanged: what one person was allowed is shown as the other's. */
function exchanged(leaves: AuditLeaf[], random: SeededRandom): AuditLeaf[] {
  const [one, other] = random.shuffled(sessionsOf(leaves));
  return leaves.map((leaf) => {
    if (!leaf.kind.startsWith('approval.')) return leaf;
    const session = leaf.data['session'] === one ? other : leaf.data['session'] === other ? one : leaf.data['session'];
    return { ...leaf, data: { ...leaf.data, session } };
  });
}

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'flips a bit': onFile('a bit flipped in', flipped),
  'overwrites bytes': onFile('bytes overwritten in', overwritten),
  'truncates a file': onFile('cut:', (bytes, random) => bytes.subarray(0, random.int(0, bytes.length - 1))),
  'lengthens a file': onFile('lengthened:', (bytes, random) => Buffer.concat([bytes, overwritten(Buffer.alloc(random.int(1, 200), 1), random)])),
  'removes a file': onFile('removed:', () => null),
  'exchanges two files': async (files, random) => {
    const [one, other] = twoFiles(files, random);
    await files.write(one, files.original(other));
    await files.write(other, files.original(one));
    return both(`${one} and ${other} exchanged`, [...claimsOf(one), ...claimsOf(other), 'log']);
  },
  'puts one file in the place of another': async (files, random) => {
    const [one, other] = twoFiles(files, random);
    await files.write(one, files.original(other));
    // A checkpoint of another log is signed, and lies in the wrong place.
    return both(`${other} in the place of ${one}`, [...claimsOf(one), 'log', 'fork']);
  },
  'drops an entry': onBundle('an entry dropped', (leaves, random) => leaves.toSpliced(random.int(0, leaves.length - 1), 1)),
  'doubles an entry': onBundle('an entry doubled', (leaves, random) => {
    const at = random.int(0, leaves.length - 1);
    return leaves.toSpliced(at, 0, leaves[at] as Buffer);
  }),
  'exchanges two entries': onBundle('two entries exchanged', swapped),
  'dates an entry back': onBundle('an entry dated back', (leaves, random) => {
    const at = random.int(0, leaves.length - 1);
    return leaves.with(
      at,
      inLeaf(leaves[at] as Buffer, (leaf) => ({ ...leaf, time: new Date(Date.parse(leaf.time) - random.int(1, 1e9)).toISOString() })),
    );
  }),
  'relabels the version of an entry': onBundle('an entry of version 2', (leaves, random) => {
    const at = random.int(0, leaves.length - 1);
    return leaves.with(
      at,
      inLeaf(leaves[at] as Buffer, (leaf) => ({ ...leaf, v: 2 })),
    );
  }),
  'exchanges the approvals of two sessions': onBundle('approvals exchanged', (leaves, random) => {
    const parsed = leaves.map((leaf) => JSON.parse(leaf.toString()) as AuditLeaf);
    const approvals = parsed.flatMap((leaf, at) => (leaf.kind.startsWith('approval.') ? [at] : []));
    const [one, other] = random.shuffled(approvals);
    if (one === undefined || other === undefined) return swapped(leaves, random);
    const session = (from: number, to: number): Buffer =>
      inLeaf(leaves[from] as Buffer, (leaf) => ({ ...leaf, data: { ...leaf.data, session: parsed[to]?.data['session'] } }));
    return leaves.with(one, session(one, other)).with(other, session(other, one));
  }),
  'signs with another key': async (files, random) => {
    const log = random.pick(['0', '1']);
    const { checkpoint } = parseCheckpoint(files.original(`log/${log}/checkpoint`)) ?? {};
    if (checkpoint === undefined) throw new TypeError('no checkpoint');
    const signer = random.pick([KEYS.stranger, KEYS.first, KEYS.witness]);
    await files.write(`log/${log}/checkpoint`, Buffer.from(signCheckpoint(checkpoint, [signer])));
    return both(`log ${log} signed by another key, or the one that was replaced`, ['signature']);
  },
  'writes a log anew without the key': async (files, random) => {
    const log = random.pick(['0', '1']);
    const directory = join(files.dir, 'log', log);
    const original = files.original(`log/${log}/checkpoint`);
    const leaves = await leavesOf(directory, parseCheckpoint(original)?.checkpoint.size ?? 0);
    const at = random.int(0, leaves.length - 1);
    const leaf = leaves[at] as AuditLeaf;
    files.touch(`log/${log}/`);
    await forge(directory, leaves.with(at, { ...leaf, data: { ...leaf.data, changed: true } }), KEYS.stranger);
    await files.restore((path) => path === `log/${log}/checkpoint` || path.startsWith(`log/${log}/timestamp/`));
    return both(`entry ${at} of log ${log} with tiles that fit, under the old checkpoint`, ['checkpoint']);
  },
  'takes a log away': async (files, random) => {
    const log = random.pick(['0', '1']);
    files.touch(`log/${log}/`);
    await rm(join(files.dir, 'log', log), { recursive: true });
    return both(`log ${log} taken away`, log === '0' ? ['log'] : ['log', 'session', 'segment']);
  },
  'takes a journal away': async (files, random) => {
    const journal = random.pick(['wrk_a', 'wrk_b', 'wrk_c']);
    files.touch(`journal/${journal}/`);
    await rm(join(files.dir, 'journal', journal), { recursive: true });
    return both(`journal ${journal} taken away`, ['segment']);
  },
  'says that a process writes a journal, and cuts it': async (files, random) => {
    const journal = random.pick(['wrk_a', 'wrk_b', 'wrk_c']);
    files.touch(`journal/${journal}/`);
    const segments = files.paths.filter((each) => each.startsWith(`journal/${journal}/`) && each.endsWith('.gwj'));
    const from = random.int(0, segments.length - 1);
    for (const path of segments.slice(from)) await rm(join(files.dir, path));
    if ((await takeLockFile(join(files.dir, 'journal', journal, 'lock'))).kind !== 'taken') throw new Error('the journal has a lock');
    return both(`journal ${journal} with the lock of a process, from its segment ${from + 1} on taken away`, ['journal', 'segment']);
  },
  'puts an old log back': async (files) => {
    await files.putBack('log/0/');
    return both('log 0 as it was earlier', ['fork', 'session', 'segment']);
  },
  'puts everything back': async (files) => {
    await files.putBack('');
    return { what: 'all as it was earlier', kept: ['fork'], alone: [] };
  },
  'replays an old checkpoint': async (files) => {
    await files.write('log/0/checkpoint', files.earlier('log/0/checkpoint'));
    return { what: 'the old checkpoint', kept: ['fork'], alone: ['tile', 'entry', 'timestamp', 'session', 'segment'] };
  },
  'drops a frame': onFrames('a frame dropped', (frames, random) => frames.toSpliced(random.int(0, frames.length - 1), 1)),
  'doubles a frame': onFrames('a frame doubled', (frames, random) => {
    const at = random.int(0, frames.length - 1);
    return frames.toSpliced(at, 0, frames[at] as Buffer);
  }),
  'exchanges two frames': onFrames('two frames exchanged', (frames, random) => (frames.length < 2 ? frames.slice(1) : swapped(frames, random))),
  'relabels the version of a segment': async (files, random) => {
    const path = random.pick(files.paths.filter((each) => each.endsWith('.gwj')));
    const bytes = Buffer.from(files.original(path));
    bytes.writeUInt16BE(random.int(2, 9), 4);
    await files.write(path, bytes);
    return both(`another version of ${path}`, ['journal']);
  },
  'alters masked text, and writes the journal anew': onJournal('masked text altered', (entries) => {
    for (const entry of entries)
      if (text(entry).includes('masked ###')) entry.payload = Buffer.from(text(entry).replace('###-##-1234', '987-65-1234'), 'latin1');
    return true;
  }),
  'alters a statement, and writes the journal anew': onJournal('a statement altered', (entries, random) => {
    const statements = entries.filter((entry) => text(entry).includes('drop table'));
    const entry = random.pick(statements);
    entry.payload = Buffer.from(text(entry).replace('drop table', 'keep table'), 'latin1');
    return true;
  }),
  'takes a session out of a journal, and writes it anew': onJournal('a session taken out', (entries, random) => {
    const victim = random.pick([...new Set(entries.map(({ session }) => session))].filter((session) => session > 0));
    entries.splice(0, entries.length, ...entries.filter(({ session }) => session !== victim));
    return true;
  }),
  'owner drops a session': asOwner('drops a session', ['session'], (leaves, random) => {
    const victim = random.pick(sessionsOf(leaves));
    return leaves.filter((leaf) => !of(victim)(leaf));
  }),
  'owner drops an entry of a session': asOwner('drops an entry of a session', ['session'], (leaves, random) => {
    const victim = random.pick(leaves.filter(ofSession));
    return leaves.filter((leaf) => leaf !== victim);
  }),
  'owner tells an entry twice': asOwner('tells an entry twice', ['session'], (leaves, random) => {
    const at = leaves.indexOf(random.pick(leaves.filter(ofSession)));
    return leaves.toSpliced(at, 0, leaves[at] as AuditLeaf);
  }),
  'owner drops a segment': asOwner('drops a segment', ['segment'], (leaves, random) => {
    const victim = random.pick(leaves.filter(({ kind }) => kind === 'journal.segment'));
    return leaves.filter((leaf) => leaf !== victim);
  }),
  'owner changes the order': asOwner('changes the order', ['order'], swapped, false),
  'owner dates back': asOwner('dates entries back', ['order', 'timestamp'], (leaves, random) => {
    const from = random.int(1, leaves.length - 1);
    return leaves.map((leaf, at) => (at < from ? leaf : { ...leaf, time: new Date(Date.parse(leaf.time) - random.int(3_600_000, 1e10)).toISOString() }));
  }),
  'owner cuts the tail': asOwner('cuts the tail', ['tail', 'session', 'segment', 'timestamp', 'fork'], (leaves, random) =>
    leaves.slice(0, random.int(1, leaves.length - 1)),
  ),
  'owner exchanges approvals': async (files, random) => {
    const applied = await asOwner('exchanges the approvals of two sessions', [], exchanged)(files, random);
    return { ...applied, alone: ['event'] };
  },
  'owner changes what a field says': asOwner('changes a field', [], (leaves, random) => {
    const at = leaves.indexOf(random.pick(leaves.filter(({ kind }) => kind === 'operation.deny')));
    return leaves.map((leaf, place) => (place === at ? { ...leaf, data: { ...leaf.data, rule: 'bank/other' } } : leaf));
  }),
  'prunes what is held': async (files, random) => {
    const journal = random.pick(['wrk_a', 'wrk_b', 'wrk_c']);
    const segments = files.paths.filter((path) => path.startsWith(`journal/${journal}/`) && path.endsWith('.gwj')).sort();
    const through = random.int(1, segments.length);
    files.touch(`journal/${journal}/`);
    for (const path of segments.slice(0, through)) await rm(join(files.dir, path));
    await writeFile(join(files.dir, 'journal', journal, 'pruned'), `{"through":${through}}\n`);
    return both(`${through} segments of ${journal} pruned, as the disk says`, ['retention']);
  },
  'owner prunes what is held, with every entry that belongs to it': async (files, random) => {
    const directory = join(files.dir, 'log', '0');
    const size = parseCheckpoint(files.original('log/0/checkpoint'))?.checkpoint.size ?? 0;
    const leaves = await leavesOf(directory, size);
    const journal = random.pick(['wrk_a', 'wrk_c']);
    files.touch('log/0/');
    files.touch(`journal/${journal}/`);
    // It continues the log in good form: no checkpoint that was kept says anything against it.
    await forge(directory, [...leaves, ...pruning(leaves, journal)], KEYS.second);
    await files.restore((path) => path.startsWith('log/0/timestamp/'));
    await rm(join(files.dir, 'journal', journal), { recursive: true });
    return both(`the owner of the key lets ${journal} expire, and deletes it`, ['retention']);
  },
  'prunes the log of what is held': async (files, random) => {
    // The end of the log is there; what lies before a process is said to be given up, by an entry that the log does not have.
    const leaves = await logLeaves(files);
    const first = random.pick(leaves.filter(({ kind, n }) => kind === 'log.open' && n > 0)).n;
    const last = leaves.at(-1) as AuditLeaf;
    const said = { ...last, kind: 'log.prune', data: { first, keepMs: 90 * DAY, knownTime: last.time, holds: [] } };
    await files.write('log/0/pruned', encodeLeaf(said));
    return both(`the entries of log 0 before ${first} are said to be pruned, and it does not say so`, ['retention']);
  },
  'owner prunes the log of what is held': async (files, random) => {
    const leaves = await logLeaves(files);
    const last = leaves.at(-1) as AuditLeaf;
    const first = random.pick(leaves.filter(({ kind, n }) => kind === 'log.open' && n > 0)).n;
    const opened = leaves.findLast(({ kind }) => kind === 'log.open') as AuditLeaf;
    const told = (kind: string, data: object): AuditLeaf => ({ ...last, journal: 'wrk_d', kind, data: data as AuditLeaf['data'] });
    const prune = { first, keepMs: random.pick([1, 90 * DAY]), knownTime: last.time, holds: [] };
    files.touch('log/0/');
    const rules = { recordings: 1, approvals: 1, index: 1, log: 1, targets: [] };
    const added = [told('log.open', opened.data), told('retention.rules', rules), told('log.prune', prune), told('log.close', { sessions: 0 })];
    await forge(join(files.dir, 'log', '0'), [...leaves, ...added], KEYS.second);
    await files.restore((path) => path.startsWith('log/0/timestamp/'));
    if (random.int(0, 1) === 1) await pruneLog(join(files.dir, 'log', '0'), leaves.length + 2);
    return both(`the owner of the key prunes log 0 up to ${first}`, ['retention']);
  },
  'owner takes the hold out': async (files) => {
    const directory = join(files.dir, 'log', '1');
    const size = parseCheckpoint(files.original('log/1/checkpoint'))?.checkpoint.size ?? 0;
    const leaves = await leavesOf(directory, size);
    files.touch('log/1/');
    await forge(
      directory,
      leaves.filter(({ data }) => data['hold'] !== HOLD),
      KEYS.second,
    );
    await files.restore((path) => path.startsWith('log/1/timestamp/'));
    return { what: 'the owner of the key takes the hold out of the log', kept: ['fork'], alone: ['event'] };
  },
};

const DAY = 86_400_000;

/** Entries of log 0 as they were. */
async function logLeaves(files: EvidenceFiles): Promise<AuditLeaf[]> {
  const size = parseCheckpoint(files.original('log/0/checkpoint'))?.checkpoint.size ?? 0;
  return leavesOf(join(files.dir, 'log', '0'), size);
}

/** The entries of a process that ends all that a journal recorded, each in its right form and by rules that are kept. */
function pruning(leaves: readonly AuditLeaf[], journal: string): AuditLeaf[] {
  const last = leaves.at(-1) as AuditLeaf;
  const opened = leaves.findLast(({ kind }) => kind === 'log.open') as AuditLeaf;
  const time = new Date(Date.parse(last.time) + 1_000).toISOString();
  const told = (kind: string, data: object): AuditLeaf => ({ ...last, journal: 'wrk_d', time, kind, data: data as AuditLeaf['data'] });
  const ends = leaves.filter((leaf) => leaf.kind === 'session.end' && leaf.journal === journal);
  const begins = new Map(leaves.flatMap((leaf) => (leaf.kind === 'session.start' ? [[leaf.data['session'], leaf] as const] : [])));
  const expiries = ends.map((end) => {
    const { session, issuer, subject, target } = begins.get(end.data['session'])?.data ?? {};
    return told('session.expire', { session, journalOfSession: journal, target, issuer, subject, endedAt: end.time, keepMs: 1, knownTime: time });
  });
  const through = Math.max(...leaves.flatMap(({ data }) => (data['journalOfSegment'] === journal ? [Number(data['segment'])] : [])));
  return [
    told('log.open', opened.data),
    told('retention.rules', { recordings: 1, approvals: 1, index: 1, targets: [] }),
    ...expiries,
    told('journal.prune', { journalOfSegment: journal, through, knownTime: time }),
    told('log.close', { sessions: 0 }),
  ];
}
