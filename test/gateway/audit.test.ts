/**
 * The log of a real gateway: what its sessions leave there, kill -9 of workers and of the whole, and `gw audit verify` over the files. The number
 * of kills is bounded here; GW_KILLS asks for more.
 */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseVerifierKey } from '../../src/audit/index.js';
import { GwError } from '../../src/contract/gw-error.js';
import { verifyAudit } from '../../src/gateway/audit-workbench.js';
import { checkSessionProof, type SessionProof } from '../../src/gateway/session-proof.js';
import { eventually } from '../store/state-server.js';
import { type CliHome, makeHome } from '../support/run-cli.js';
import { type GatewayWorld, type RunningGateway, startGatewayWorld } from './gateway-world.js';

const KILLS = Number(process.env['GW_KILLS'] ?? 4);
const POLICY = `
version: 1
defaults: [{ operations: allow }]
rules:
  - { id: connect, effect: allow, actions: [connect], subjects: { groups: [engineers, admins] } }
  - { id: no-drop, effect: deny, actions: [drop] }
`;

let world: GatewayWorld;
let data: string;
let home: CliHome;

beforeAll(async () => {
  world = await startGatewayWorld();
  data = join(world.dir, 'data');
  home = await makeHome();
  await world.writePolicy(POLICY);
});
afterAll(async () => {
  await world?.close();
  await home?.remove();
});

const verify = (from = data) => verifyAudit({ from, keyFiles: [], checkpointFiles: [], at: null });

async function leaves(): Promise<{ kind: string; data: Record<string, unknown> }[]> {
  const found: { kind: string; data: Record<string, unknown> }[] = [];
  for (const log of await readdir(join(data, 'log'))) {
    const bundles = await readdir(join(data, 'log', log, 'tile', 'entries'), { recursive: true, withFileTypes: true });
    for (const file of bundles.filter((entry) => entry.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name));
      for (let at = 0; at < bytes.length; at += 2 + bytes.readUInt16BE(at)) {
        found.push(JSON.parse(bytes.toString('utf8', at + 2, at + 2 + bytes.readUInt16BE(at))) as (typeof found)[number]);
      }
    }
  }
  return found;
}

async function work(gateway: RunningGateway, who: string): Promise<void> {
  const client = await world.connect(gateway, await world.token(who));
  await client.query('select 1');
  await expect(client.query('drop table nothing')).rejects.toThrow();
  await client.end();
}

const commandOf = (pid: number): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');

async function workersOf(gateway: RunningGateway): Promise<number[]> {
  const workers: number[] = [];
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent === gateway.process.pid && (await commandOf(Number(name))).includes('worker-main')) workers.push(Number(name));
  }
  return workers;
}

async function stop(gateway: RunningGateway): Promise<void> {
  gateway.process.kill('SIGTERM');
  expect(await gateway.exited).toBe(0);
}

async function killWhole(gateway: RunningGateway): Promise<void> {
  const workers = await workersOf(gateway);
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  gateway.process.kill('SIGKILL');
  await gateway.exited;
  await eventually('the workers are gone', async () => (await Promise.all(workers.map(commandOf))).every((command) => command === ''));
}

describe('the log of a gateway', () => {
  it('has its sessions, refusals, segments and its own life, verifies while it runs and when it has ended, and shows every change', async () => {
    await world.configure({ workers: 2 });
    const gateway = await world.start();
    await work(gateway, 'alice');
    await work(gateway, 'bob');
    expect((await verify()).problems).toEqual([]);
    await stop(gateway);
    const { problems, sessions, logs } = await verify();
    expect(problems).toEqual([]);
    expect(sessions).toBe(2);
    expect(logs).toHaveLength(2);
    const kinds = (await leaves()).map(({ kind }) => kind);
    for (const kind of ['log.open', 'gateway.start', 'session.start', 'operation.deny', 'session.end', 'gateway.stop', 'journal.segment', 'log.close']) {
      expect(kinds).toContain(kind);
    }
    expect(kinds.filter((kind) => kind === 'operation.deny')).toHaveLength(2);
    const copy = join(world.dir, 'copy');
    await cp(data, copy, { recursive: true, filter: (source) => !/\.lock$|state/.test(source) });
    const journals = await readdir(join(copy, 'journal'));
    await rm(join(copy, 'journal', journals[0] as string), { recursive: true });
    expect((await verify(copy)).problems.map(({ claim }) => claim)).toContain('segment');
  });

  it('starts and verifies beside what processes left that died while they opened their journals, and misses a journal that was emptied', async () => {
    const journals = join(data, 'journal');
    await mkdir(join(journals, 'wrk_early'));
    await mkdir(join(journals, 'wrk_torn'));
    await writeFile(join(journals, 'wrk_torn', 'lock'), JSON.stringify({ pid: 1, start: 'never', boot: 'another', namespace: null }));
    await writeFile(join(journals, 'wrk_torn', 'keys.json'), '');
    expect((await verify()).problems).toEqual([]);
    const before = new Set(await readdir(journals));
    await world.configure({ workers: 1 });
    const gateway = await world.start();
    await work(gateway, 'alice');
    const [journal, ...others] = (await readdir(journals)).filter((name) => !before.has(name));
    expect(others).toEqual([]);
    expect(await readdir(journals)).not.toEqual(expect.arrayContaining(['wrk_early']));
    expect(await readdir(journals)).not.toEqual(expect.arrayContaining(['wrk_torn']));
    // As a crash of the machine leaves it, before anything was sealed.
    await killWhole(gateway);
    const copy = join(world.dir, 'emptied');
    await cp(data, copy, { recursive: true, filter: (source) => !/\.lock$|state/.test(source) });
    for (const name of await readdir(join(copy, 'journal', journal as string))) await rm(join(copy, 'journal', journal as string, name));
    expect((await verify(copy)).problems.map(({ message }) => message)).toEqual([
      `the log has 1 sessions of the journal ${journal}, of which there is no segment`,
    ]);
    await stop(await world.start());
    expect((await verify()).problems).toEqual([]);
  });

  it('is verified by the command, with the key that `gw audit key` printed; another key is refused with exit status 9', async () => {
    const key = await home.run(['audit', 'key', '--config', world.configFile]);
    expect(key.code).toBe(0);
    const keyFile = join(world.dir, 'audit.pub');
    await writeFile(keyFile, key.stdout);
    const good = await home.run(['audit', 'verify', '--from', data, '--key', keyFile]);
    expect(good.stderr).toBe('');
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(/test\/0 verifies: \d+ entries/);
    // The key of another log, in a form that is right.
    await writeFile(keyFile, 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n');
    const bad = await home.run(['audit', 'verify', '--from', data, '--key', keyFile, '--json']);
    expect(bad.code).toBe(9);
    expect(JSON.parse(bad.stdout)).toMatchObject({ error: { code: 'audit.invalid', detail: { claims: 'signature' } } });
    expect((await home.run(['audit', 'verify', '--from', world.dir])).code).toBe(2);
  });

  it('is cosigned by a witness with a key of its own, and verified with what the witness kept', async () => {
    const [state, keyFile, witnessFile] = [join(world.dir, 'witness'), join(world.dir, 'log.pub'), join(world.dir, 'witness.pub')];
    await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
    const first = await home.run(['audit', 'witness', '--log', data, '--state', state, '--key', keyFile]);
    expect(first.stderr).toBe('');
    await stop(await world.start());
    const second = await home.run(['audit', 'witness', '--log', data, '--state', state, '--key', keyFile]);
    expect(second.stdout).toBe(first.stdout);
    await writeFile(witnessFile, second.stdout);
    const logs = await readdir(join(data, 'log'));
    const all = ['audit', 'verify', '--from', data, '--key', keyFile, '--key', witnessFile];
    const kept = logs.flatMap((log) => ['--checkpoint', join(state, `test%2F${log}.checkpoint`)]);
    expect(await home.run([...all, ...kept])).toMatchObject({ code: 0, stderr: '' });
    const unseen = await home.run([...all, '--json']);
    expect(JSON.parse(unseen.stdout)).toMatchObject({ error: { detail: { claims: 'witness' } } });
    expect(unseen.code).toBe(9);
  });

  it('is shown to a witness that listens, and verified with what it cosigned; a log that was put back is not cosigned', async () => {
    const [state, kept, keyFile, witnessFile] = ['push-witness', 'push-kept', 'log.pub', 'push-witness.pub'].map((name) => join(world.dir, name)) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
    const witness = home.start(['audit', 'witness', '--listen', '127.0.0.1:0', '--state', state, '--key', keyFile]);
    await writeFile(witnessFile, await witness.stdoutHas('\n'));
    const url = /http:\S+/.exec(await witness.stderrHas('cosigning at'))?.[0] ?? '';
    const cosign = (log: string) => home.run(['audit', 'cosign', '--log', log, '--witness', url, '--witness-key', witnessFile, '--to', kept]);
    const old = join(world.dir, 'before-push');
    await cp(join(data, 'log'), join(old, 'log'), { recursive: true });
    const first = await cosign(data);
    expect([first.code, first.stderr], first.stderr).toEqual([0, '']);
    expect(first.stdout).toMatch(/^test\/0: \d+ entries cosigned\n/);
    await stop(await world.start());
    expect((await cosign(data)).code).toBe(0);
    const checkpoints = (await readdir(kept)).flatMap((name) => ['--checkpoint', join(kept, name)]);
    const all = ['--key', keyFile, '--key', witnessFile, ...checkpoints];
    expect(await home.run(['audit', 'verify', '--from', data, ...all])).toMatchObject({ code: 0, stderr: '' });
    const refused = await cosign(old);
    expect(refused.code).toBe(9);
    expect(refused.stderr).toMatch(/test\/0 is not cosigned: the witness has seen \d+ entries/);
    expect(await witness.stderrHas('409')).toContain('200 test/0: cosigned');
    witness.child.kill('SIGTERM');
    expect((await witness.done).code).toBe(0);
  });

  it('is cosigned by a witness over the network, with the login of an auditor, and the copy verifies without the gateway', async () => {
    const gateway = await world.start();
    const caFile = join(world.dir, 'ca.pem');
    await writeFile(caFile, world.ca);
    const as = async (group: string) => ({ env: { GW_GATEWAY: gateway.url, GW_CA_FILE: caFile, GW_ID_TOKEN: await world.token('witness', [group]) } });
    const [state, keyFile] = [join(world.dir, 'far-witness'), join(world.dir, 'log.pub')];
    await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
    const cosign = ['audit', 'witness', '--remote', '--state', state, '--key', keyFile];
    expect((await home.run(cosign, await as('admins'))).code).toBe(3);
    const first = await home.run(cosign, await as('auditors'));
    expect([first.code, first.stderr]).toEqual([0, '']);
    await work(gateway, 'wanda');
    expect(await home.run(cosign, await as('auditors'))).toMatchObject({ code: 0, stdout: first.stdout });
    await stop(gateway);
    const witnessFile = join(world.dir, 'far-witness.pub');
    await writeFile(witnessFile, first.stdout);
    const kept = (await readdir(state)).filter((name) => name.endsWith('.checkpoint')).flatMap((name) => ['--checkpoint', join(state, name)]);
    const verified = await home.run(['audit', 'verify', '--from', join(state, 'mirror'), '--key', keyFile, '--key', witnessFile, ...kept]);
    expect(verified).toMatchObject({ code: 0, stderr: expect.stringContaining('no journals here') });
    expect(await home.run(['audit', 'verify', '--from', data, '--key', keyFile, '--key', witnessFile, ...kept])).toMatchObject({ code: 0, stderr: '' });
  });

  it('is searched and followed by an auditor with the command, not by an admin; and each look is an entry', async () => {
    const gateway = await world.start();
    const caFile = join(world.dir, 'ca.pem');
    await writeFile(caFile, world.ca);
    const as = async (name: string, group: string) => ({
      env: { GW_GATEWAY: gateway.url, GW_CA_FILE: caFile, GW_ID_TOKEN: await world.token(name, [group]) },
    });
    const auditor = await as('aud', 'auditors');
    const tail = home.start(['audit', 'tail', '--last', '0', '--kind', 'operation.deny', '--kind', 'log.read', '--output', 'ndjson'], auditor);
    await tail.stdoutHas('audit tail');
    await work(gateway, 'tina');
    const denied = JSON.parse((await tail.stdoutHas('operation.deny')).split('\n').find((line) => line.includes('operation.deny')) ?? '') as {
      data: { session: string };
    };
    tail.child.kill('SIGINT');
    await tail.done;
    const session = ['audit', 'search', '--session', denied.data.session, '--json'];
    const found = await home.run(session, auditor);
    const kinds = (JSON.parse(found.stdout) as { entries: { kind: string }[] }).entries.map(({ kind }) => kind);
    expect([...kinds].sort()).toEqual(expect.arrayContaining(['operation.deny', 'session.start']));
    await eventually('the search is an entry', async () => {
      const { stdout } = await home.run(['audit', 'search', denied.data.session, '--kind', 'log.read'], auditor);
      return /log\.read\tsub-aud\t\tses_\w+\t.*what=audit search/.test(stdout);
    });
    expect((await home.run(session, await as('root', 'admins'))).code).toBe(3);
    await stop(gateway);
  });

  it('proves one operation of a session in one file, that the public key alone checks and no change survives', async () => {
    const gateway = await world.start();
    const client = await world.connect(gateway, await world.token('paula'));
    await client.query('select 41 as before');
    await client.query("select 'the proved one'");
    await client.end();
    let session = '';
    await eventually('the session is in the log', async () => {
      // A log that is being written: files come and go while it is looked through.
      const start = (await leaves().catch(() => [])).find(({ kind, data: { subject } }) => kind === 'session.start' && subject === 'sub-paula');
      session = String(start?.data['session'] ?? '');
      return session !== '';
    });
    const early = await home.run(['audit', 'prove', `${session}#2`, '--from', data]);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain('is not sealed yet');
    expect(early.stderr).toContain('gw evidence export');
    await stop(gateway);
    const proof = await home.run(['audit', 'prove', `${session}#2`, '--from', data]);
    expect(proof.stderr).toBe('');
    const [proofFile, keyFile] = [join(world.dir, 'proof.json'), join(world.dir, 'audit.pub')];
    await writeFile(proofFile, proof.stdout);
    await writeFile(keyFile, (await home.run(['audit', 'key', '--config', world.configFile])).stdout);
    const checked = await home.run(['audit', 'verify', proofFile, '--key', keyFile]);
    expect(checked.stdout).toContain("select 'the proved one'");
    expect(checked.stdout).toContain('sub-paula');
    expect(checked.stdout).not.toContain('before');
    expect(checked.code).toBe(0);

    const key = parseVerifierKey((await readFile(keyFile, 'utf8')).split('\n')[0] as string).key;
    const honest = JSON.parse(proof.stdout) as SessionProof;
    const code = (change: (proof: SessionProof) => object): string => {
      try {
        checkSessionProof(JSON.stringify(change(structuredClone(honest))), [key]);
        return 'ok';
      } catch (error) {
        return GwError.from(error).code;
      }
    };
    expect(code((same) => same)).toBe('ok');
    expect(() => checkSessionProof(proof.stdout, [])).toThrowError(expect.objectContaining({ code: 'audit.invalid' }));
    expect(code((each) => ({ ...each, operation: 1 }))).toBe('audit.invalid');
    expect(code((each) => ({ ...each, session: 'ses_other' }))).toBe('audit.invalid');
    expect(code((each) => ({ ...each, checkpoints: {} }))).toBe('audit.invalid');
    expect(code((each) => ({ ...each, entries: each.entries.slice(1) }))).toBe('audit.invalid');
    for (const drop of honest.leaves.keys()) {
      if (!honest.leaves[drop]?.leaf.includes('"kind":"session.end"'))
        expect(
          code((each) => ({ ...each, leaves: each.leaves.filter((_, at) => at !== drop) })),
          `leaf ${drop}`,
        ).toBe('audit.invalid');
      expect(code((each) => ({ ...each, leaves: each.leaves.map((leaf, at) => (at === drop ? { ...leaf, leaf: leaf.leaf.replace('2', '3') } : leaf)) }))).toBe(
        'audit.invalid',
      );
    }
    for (const at of honest.entries.keys()) {
      const changed = (change: object) =>
        code((each) => ({ ...each, entries: each.entries.map((entry, place) => (place === at ? { ...entry, ...change } : entry)) }));
      const bytes = Buffer.from(honest.entries[at]?.entry ?? '', 'base64');
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      for (const change of [
        { entry: bytes.toString('base64') },
        { time: 1 },
        { index: 0, size: 1, proof: [] },
        { segment: 9 },
        { journal: 'wrk_other' },
        { proof: [] },
      ]) {
        expect(changed(change), JSON.stringify(change)).toBe('audit.invalid');
      }
    }
    expect(code(() => ({ format: 'gw-proof-1' }))).toBe('usage.invalid');
    expect((await home.run(['audit', 'prove', 'ses_none', '--from', data])).code).toBe(1);
    expect((await home.run(['audit', 'prove', `${session}#99`, '--from', data])).code).toBe(1);
  });

  it(`loses nothing over ${KILLS} kills of the whole gateway in the middle of work, and needs no hand`, async () => {
    const { sessions: before } = await verify();
    let begun = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const gateway = await world.start();
      const clients = [];
      for (let at = 0; at <= kill % 3; at++) clients.push(await world.connect(gateway, await world.token(`killed-${kill}-${at}`)));
      begun += clients.length;
      const sessions = clients.map(async (client) => {
        const busy = async (): Promise<never> => {
          for (;;) await client.query('select 1');
        };
        await expect(busy()).rejects.toThrow();
      });
      await work(gateway, `whole-${kill}`);
      begun++;
      await killWhole(gateway);
      await Promise.all(sessions);
      const dead = await verify();
      expect(dead.problems.filter(({ claim }) => !['session', 'segment', 'journal'].includes(claim))).toEqual([]);
    }
    await stop(await world.start());
    const { problems, sessions } = await verify();
    expect(problems).toEqual([]);
    expect(sessions).toBe(before + begun);
  }, 240_000);

  it('that cannot be written turns readiness red and refuses sessions, until it can', async () => {
    await world.configure({ workers: 1 });
    const gateway = await world.start();
    // The newest checkpoint is put aside: an older one would not be taken back.
    const [checkpoint, aside] = [join(data, 'log', '0', 'checkpoint'), join(world.dir, 'aside')];
    await eventually('everything is signed', async () => (await verify()).logs.every(({ pending }) => pending === 0));
    await eventually('the checkpoint is exchanged', async () => {
      await rename(checkpoint, aside);
      return writeFile(checkpoint, 'put back\n', { flag: 'wx' }).then(
        () => true,
        () => false,
      );
    });
    const ready = async (): Promise<boolean> => (await world.api(gateway, '/readyz')).status === 200;
    await world.api(gateway, '/api/v1/sessions', { token: await world.token('carol', ['auditors']) });
    await eventually('readiness is red', async () => !(await ready()));
    await expect(world.connect(gateway, await world.token('alice'))).rejects.toThrow();
    await rename(aside, checkpoint);
    expect((await verify()).problems.filter(({ claim }) => claim === 'signature')).toEqual([]);
    await eventually('readiness is green', ready);
    await work(gateway, 'alice');
    await stop(gateway);
    expect((await verify()).problems).toEqual([]);
  });
});
