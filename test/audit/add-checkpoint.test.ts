/**
 * The push protocol of C2SP tlog-witness: what a witness answers to whom, with requests written as the specification has them; and our logs shown to a
 * witness that was written from the specification alone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { verify as verifySignature } from 'node:crypto';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeAddCheckpoint, parseAddCheckpoint } from '../../src/audit/add-checkpoint.js';
import { parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.js';
import { LogFiles } from '../../src/audit/log-files.js';
import { KEY_TYPE, keyId, newSigningKey, publicKeyBytes, publicKeyObject, readSigningKey, verifierKey } from '../../src/audit/note-key.js';
import { emptyRoot } from '../../src/base/merkle-hash.js';
import { consistencyProof } from '../../src/base/merkle-proof.js';
import { type ServedWitness, serveAsWitness } from '../../src/gateway/audit-witness.js';
import { submitLogs } from '../../src/gateway/witness-client.js';
import { makeAuthority } from '../support/test-authority.js';
import { buildLogs, forge, key, leavesOf, openTrail, session, withDirectory } from './log-world.js';

const ORIGIN = 'bank/0';
const stranger = readSigningKey(newSigningKey(), 'The key');
let served: ServedWitness | null = null;
let foreign: ChildProcess | null = null;
afterEach(async () => {
  await served?.close();
  served = null;
  foreign?.kill();
  foreign = null;
});

const logKey = (origin: string): string => verifierKey(origin, KEY_TYPE.log, publicKeyBytes(key));

/** Two logs in `dir/log`, and a witness with a state below `dir` that knows log 0. */
async function world(dir: string): Promise<void> {
  await buildLogs(join(dir, 'log'));
  await writeFile(join(dir, 'log.pub'), `${logKey(ORIGIN)}\n`);
  await serve(dir);
}

const answers: string[] = [];
async function serve(dir: string): Promise<void> {
  const onAnswer = ({ log, status }: { log: string; status: number }): void => void answers.push(`${status} ${log}`);
  served = await serveAsWitness(join(dir, 'state'), 'audit.example/w', [join(dir, 'log.pub')], '127.0.0.1:0', { tls: null, onAnswer });
}

async function grow(dir: string, count = 1): Promise<void> {
  const trail = await openTrail(join(dir, 'log'), 0, `wrk_${Math.random()}`);
  for (let number = 1; number <= count; number++) session(trail, `ses_more${number}`, number);
  await trail.close();
}

async function post(body: string | Buffer, path = '/add-checkpoint', method = 'POST'): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`${served?.url}${path}`, { method, ...(method === 'POST' ? { body } : {}) });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

async function noteOf(dir: string, log = '0'): Promise<{ note: string; size: number }> {
  const bytes = await readFile(join(dir, 'log', log, 'checkpoint'));
  return { note: bytes.toString(), size: parseCheckpoint(bytes)?.checkpoint.size ?? 0 };
}

/** A request as a log makes it that grew from `old`. */
async function request(dir: string, old: number): Promise<string> {
  const { note, size } = await noteOf(dir);
  const proof = old === 0 || old === size ? [] : await consistencyProof(old, size, new LogFiles(join(dir, 'log', '0')).subtrees(size));
  return encodeAddCheckpoint(old, proof, note);
}

/** What tlog-cosignature says, by hand: key id, eight bytes of time, Ed25519 over the header, the time and the text of the note. */
function isCosigned(line: string, note: string): boolean {
  const [, name = '', base64 = ''] = /^— (\S+) (\S+)\n$/.exec(line) ?? [];
  const raw = Buffer.from(base64, 'base64');
  const own = Buffer.from(served?.key.split('+').slice(2).join('+') ?? '', 'base64').subarray(1);
  const time = raw.readBigUInt64BE(4);
  const message = Buffer.from(`cosignature/v1\ntime ${time}\n${note.slice(0, note.lastIndexOf('\n\n') + 1)}`);
  const recent = Math.abs(Number(time) - Date.now() / 1000) < 60;
  return recent && keyId(name, KEY_TYPE.witness, own).equals(raw.subarray(0, 4)) && verifySignature(null, message, publicKeyObject(own), raw.subarray(12));
}

describe('a witness that logs submit to', () => {
  it('cosigns a log that it sees for the first time, the same again, and what continues it, also after a restart', () =>
    withDirectory(async (dir) => {
      await world(dir);
      const first = await noteOf(dir);
      for (const old of [0, first.size]) {
        const answer = await post(await request(dir, old));
        expect(answer.status, answer.text).toBe(200);
        expect(isCosigned(answer.text, first.note)).toBe(true);
      }
      await grow(dir, 300);
      await served?.close();
      await serve(dir);
      const grown = await post(await request(dir, first.size));
      expect([grown.status, isCosigned(grown.text, (await noteOf(dir)).note)]).toEqual([200, true]);
      expect(parseCheckpoint(await readFile(join(dir, 'state', 'bank%2F0.checkpoint')))?.checkpoint.size).toBe((await noteOf(dir)).size);
    }));

  it('answers 409 with the size that it has when the old size is another, and goes on from there', () =>
    withDirectory(async (dir) => {
      await world(dir);
      const { size } = await noteOf(dir);
      expect(await post(await request(dir, 100))).toEqual({ status: 409, type: 'text/x.tlog.size', text: '0\n' });
      expect((await post(await request(dir, 0))).status).toBe(200);
      await grow(dir);
      for (const old of [0, 100]) expect(await post(await request(dir, old))).toEqual({ status: 409, type: 'text/x.tlog.size', text: `${size}\n` });
      expect((await post(await request(dir, size))).status).toBe(200);
    }));

  it('refuses unknown logs (404), unknown keys (403), a root of the same size (409), a wrong proof (422), and keeps what it had', () =>
    withDirectory(async (dir) => {
      await world(dir);
      const { size, note } = await noteOf(dir);
      const root = Buffer.alloc(32, 7);
      const signed = (log: object, by = key): string => signCheckpoint({ origin: ORIGIN, size, root, ...log }, [by]);
      expect((await post(encodeAddCheckpoint(0, [], (await noteOf(dir, '1')).note))).status).toBe(404);
      expect((await post(encodeAddCheckpoint(0, [], signed({}, stranger)))).status).toBe(403);
      expect((await post(encodeAddCheckpoint(0, [root], note))).status, 'a proof of nothing').toBe(422);
      expect((await post(await request(dir, 0))).status).toBe(200);
      const before = await readFile(join(dir, 'state', 'bank%2F0.checkpoint'));
      expect((await post(encodeAddCheckpoint(size, [], signed({})))).status).toBe(409);
      expect((await post(encodeAddCheckpoint(size, [root], note))).status).toBe(422);
      expect((await post(encodeAddCheckpoint(size, [], signed({ size: size + 5 })))).status).toBe(422);
      expect((await post(encodeAddCheckpoint(size, [root, root], signed({ size: size + 5 })))).status).toBe(422);
      // It was put back: the larger one was cosigned.
      expect((await post(encodeAddCheckpoint(size - 1, [], signed({ size: size - 1 })))).text).toBe(`${size}\n`);
      expect((await post(encodeAddCheckpoint(size, [], signed({ size: size - 1 })))).status).toBe(400);
      await grow(dir);
      const lines = (await request(dir, size)).split('\n');
      const proof = lines.slice(1, lines.indexOf('')).map((line) => Buffer.from(line, 'base64'));
      const grown = await noteOf(dir);
      for (let at = 0; at < proof.length; at++) {
        const wrong = proof.map((hash, place) => (place === at ? Buffer.from(hash.map((byte) => byte ^ 1)) : hash));
        expect((await post(encodeAddCheckpoint(size, wrong, grown.note))).status).toBe(422);
        expect((await post(encodeAddCheckpoint(size, proof.toSpliced(at, 1), grown.note))).status).toBe(422);
      }
      expect(await readFile(join(dir, 'state', 'bank%2F0.checkpoint'))).toEqual(before);
    }));

  it('keeps of the signatures those of the log and its own, and cosigns lines that others put behind the root', () =>
    withDirectory(async (dir) => {
      await world(dir);
      const { note } = await noteOf(dir);
      const strange = signCheckpoint({ origin: ORIGIN, size: 1, root: emptyRoot() }, [stranger]).split('\n').at(-2) ?? '';
      expect((await post(encodeAddCheckpoint(0, [], `${note}${strange}\n`))).status).toBe(200);
      expect((await readFile(join(dir, 'state', 'bank%2F0.checkpoint'), 'utf8')).match(/^— \S+/gm)).toEqual(['— bank/0', '— audit.example/w']);
      const example = [
        'old 20852014',
        'PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=',
        'jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=',
        '',
        'example.com/behind-the-sofa',
        '20852163',
        'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=',
        'a line of an extension',
        '',
        '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=',
        '',
      ].join('\n');
      expect(parseAddCheckpoint(Buffer.from(example))).toMatchObject({ old: 20852014, checkpoint: { origin: 'example.com/behind-the-sofa', size: 20852163 } });
      expect((await post(example)).status).toBe(404);
    }));

  it('answers what is no request with 400, 404, 405 or 413, and goes on', () =>
    withDirectory(async (dir) => {
      await world(dir);
      const good = await request(dir, 0);
      const bad = [
        '',
        'old 0',
        good.replace('old 0', 'old 00'),
        good.replace('old 0', 'old -1'),
        good.replace('old 0', 'new 0'),
        good.replace('old 0\n', 'old 0\nxyz\n'),
        good.replace('old 0\n', `old 0\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}`),
        good.replace('old 0\n', `old 0\n${Buffer.alloc(31).toString('base64')}\n`),
        good.slice(0, -1),
        good.replace(/\n\d+\n/, '\n1e3\n'),
      ];
      for (const body of bad) expect([body.slice(0, 20), (await post(body)).status]).toEqual([body.slice(0, 20), 400]);
      expect((await post(good, '/add-checkpoint', 'GET')).status).toBe(405);
      expect((await post(good, '/')).status).toBe(404);
      expect((await post('x'.repeat(100_000))).status).toBe(413);
      expect((await post(good)).status).toBe(200);
    }));

  it('cosigns one of two requests that come at a time and go on from the same', () =>
    withDirectory(async (dir) => {
      await world(dir);
      const { size } = await noteOf(dir);
      await post(await request(dir, 0));
      await grow(dir);
      const one = await request(dir, size);
      await grow(dir);
      const other = await request(dir, size);
      const statuses = (await Promise.all([one, other, one, other].map((body) => post(body)))).map(({ status }) => status);
      expect(statuses.toSorted()).toEqual([200, 409, 409, 409]);
    }));

  it('cosigns nothing when its state was changed, or another process has it', () =>
    withDirectory(async (dir) => {
      await world(dir);
      await expect(serveAsWitness(join(dir, 'state'), 'w', [], '127.0.0.1:0', { tls: null, onAnswer: () => undefined })).rejects.toMatchObject({
        code: 'record.busy',
      });
      expect((await post(await request(dir, 0))).status).toBe(200);
      const file = join(dir, 'state', 'bank%2F0.checkpoint');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.slice(0, text.lastIndexOf('— ')));
      const { status, text: said } = await post(await request(dir, 0));
      expect([status, said]).toEqual([500, 'the witness cannot cosign at the moment\n']);
    }));

  it('speaks TLS with a certificate of its own', () =>
    withDirectory(async (dir) => {
      await world(dir);
      await served?.close();
      const authority = await makeAuthority();
      const { cert, key: pem } = await authority.issue();
      const [certificate, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
      await writeFile(certificate, cert);
      await writeFile(keyFile, pem);
      served = await serveAsWitness(join(dir, 'state'), 'w', [join(dir, 'log.pub')], '127.0.0.1:0', {
        tls: { certificate, key: keyFile },
        onAnswer: () => undefined,
      });
      expect(served.url).toMatch(/^https:/);
      await writeFile(join(dir, 'w.pub'), served.key);
      // The public authorities do not know it.
      await expect(submitLogs(dir, served.url, join(dir, 'w.pub'), join(dir, 'kept'))).rejects.toMatchObject({ code: 'audit.witness' });
    }));
});

describe('a log that is shown to a witness written from the specification', () => {
  async function foreignWitness(dir: string): Promise<string> {
    foreign = spawn('python3', [join(import.meta.dirname, '..', 'formats', 'witness.py'), 'other.example/w', logKey('bank/0'), logKey('bank/1')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    for await (const line of createInterface({ input: foreign.stdout ?? process.stdin })) {
      lines.push(line);
      if (lines.length === 2) break;
    }
    await writeFile(join(dir, 'witness.pub'), `${lines[0]}\n`);
    return lines[1] ?? '';
  }

  it('is cosigned, as it grows, from wherever the witness is; a fork is not, nor an old state', () =>
    withDirectory(async (dir) => {
      await buildLogs(join(dir, 'log'));
      const url = await foreignWitness(dir);
      const submit = (kept = 'kept') => submitLogs(dir, url, join(dir, 'witness.pub'), join(dir, kept));
      expect((await submit()).map(({ log, refused }) => [log, refused])).toEqual([
        ['bank/0', null],
        ['bank/1', null],
      ]);
      const old = join(dir, 'old');
      await cp(join(dir, 'log'), old, { recursive: true });
      await grow(dir, 90);
      expect((await submit()).map(({ refused }) => refused)).toEqual([null, null]);
      // Whoever keeps nothing asks the witness first.
      await grow(dir);
      expect((await submit('nothing-kept')).map(({ refused }) => refused)).toEqual([null, null]);
      expect((await readdir(join(dir, 'nothing-kept'))).toSorted()).toEqual(['bank%2F0.checkpoint', 'bank%2F1.checkpoint']);
      const kept = parseCheckpoint(await readFile(join(dir, 'nothing-kept', 'bank%2F0.checkpoint')));
      expect(kept?.checkpoint.size).toBe((await noteOf(dir)).size);
      const leaves = await leavesOf(join(dir, 'log', '0'), kept?.checkpoint.size ?? 0);
      await forge(join(dir, 'log', '0'), [...leaves.slice(1), ...leaves.slice(-20)]);
      expect((await submit()).map(({ refused }) => refused)).toEqual([expect.stringContaining('another history'), null]);
      await rm(join(dir, 'log'), { recursive: true });
      await cp(old, join(dir, 'log'), { recursive: true });
      expect((await submit()).map(({ refused }) => refused)).toEqual([expect.stringMatching(/has seen \d+ entries/), null]);
    }));

  it('is cosigned only by the witness whose key was given', () =>
    withDirectory(async (dir) => {
      await buildLogs(join(dir, 'log'));
      const url = await foreignWitness(dir);
      await writeFile(join(dir, 'another.pub'), `${verifierKey('other.example/w', KEY_TYPE.witness, publicKeyBytes(stranger))}\n`);
      await expect(submitLogs(dir, url, join(dir, 'another.pub'), join(dir, 'kept'))).rejects.toMatchObject({ code: 'audit.witness' });
      expect(await readdir(join(dir, 'kept'))).toEqual([]);
      await expect(submitLogs(dir, `${url}/elsewhere`, join(dir, 'witness.pub'), join(dir, 'kept'))).resolves.toMatchObject([
        { refused: expect.stringContaining('does not know') },
        {},
      ]);
      foreign?.kill();
      await once(foreign as ChildProcess, 'exit');
      await expect(submitLogs(dir, url, join(dir, 'witness.pub'), join(dir, 'kept'))).rejects.toMatchObject({ code: 'audit.witness' });
    }));
});
