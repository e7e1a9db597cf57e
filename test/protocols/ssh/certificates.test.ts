/**
 * Certificates with the system's own ssh, ssh-keygen and sshd: people log in on the native port by one that the gateway issued, and the gateway
 * on a target that trusts its authority. And all that is nearly such a certificate, and lets nobody in.
 */
import { type ChildProcessWithoutNullStreams, execFile } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import type { Identity } from '../../../src/contract/identity.js';
import { string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { ssh } from '../../../src/protocols/ssh/index.js';
import { makeCertificate, readCertificate } from '../../../src/protocols/ssh/transport/certificate.js';
import { blobOf, signWith } from '../../../src/protocols/ssh/transport/public-key.js';
import { startRealSshd } from '../../support/real-sshd.js';
import { type Ended, type RunOptions, run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

const exec = promisify(execFile);
let world: SshWorld;
let files: string;

beforeAll(async () => {
  world = await startSshWorld();
  files = join(world.dir, 'certificates');
  await mkdir(files);
  for (const type of ['ed25519', 'ecdsa', 'rsa']) await exec('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', join(files, type)]);
});
afterAll(() => world?.[Symbol.asyncDispose]());

const ann = (change: Partial<Identity> = {}): Identity => ({
  issuer: 'test',
  subject: 'ann',
  kind: 'person',
  name: 'ann',
  email: null,
  emailVerified: false,
  groups: ['engineers'],
  onBehalfOf: null,
  claims: { department: 'ledger' },
  expiresAt: Date.now() + 600_000,
  ...change,
});
const publicKey = (type: string): Promise<string> => readFile(join(files, `${type}.pub`), 'utf8');
const clients = (): Secret => world.path.authorities?.clients ?? new Secret('');

async function issue(type: string, identity = ann(), targets: readonly string[] = ['web-1']): Promise<string> {
  const request = { publicKey: await publicKey(type), targets, subject: 'test#ann', serial: 7n, notBefore: Date.now() - 1_000, notAfter: identity.expiresAt };
  return ssh.authorities?.clients.issue(clients(), { ...request, pass: (holder) => world.path.passes.issue(identity, holder) }) ?? '';
}

/** `ssh` with the key of `type` and this certificate, and nothing else. */
async function login(type: string, certificate: string, command = 'echo in', key = type, options: RunOptions = {}): Promise<Ended> {
  const file = join(files, `${type}-shown-cert.pub`);
  await writeFile(file, `${certificate}\n`);
  const shown = ['-o', 'PreferredAuthentications=publickey', '-o', 'IdentitiesOnly=yes', '-i', join(files, key), '-o', `CertificateFile=${file}`];
  return run('ssh', [...shown, ...world.options(), 'web-1', command], { ...options, env: { ...world.env, SSH_AUTH_SOCK: '' } });
}

describe('a certificate of the gateway', () => {
  it.each(['ed25519', 'ecdsa', 'rsa'])('for a key of the type %s lets its holder in as whom it is, and in the record', async (type) => {
    const ended = await login(type, await issue(type));
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: 'in\n' });
    const begins = (await world.recorded()).flatMap((item) => (item.kind === 'start' ? [item.start] : []));
    expect(begins.at(-1)?.identity).toMatchObject({ subject: 'ann', groups: ['engineers'] });
  });

  it('is one that ssh-keygen reads: whose, for what, until when, and not who is behind it', async () => {
    const file = join(files, 'read-cert.pub');
    await writeFile(file, `${await issue('ed25519')}\n`);
    const { stdout } = await exec('ssh-keygen', ['-L', '-f', file]);
    expect(stdout).toMatch(/Type: ssh-ed25519-cert-v01@openssh\.com user certificate/);
    expect(stdout).toMatch(/Key ID: "test#ann"[\s\S]*Serial: 7[\s\S]*Principals:\s+web-1[\s\S]*Critical Options: \(none\)/);
    expect(Buffer.from((await readFile(file, 'utf8')).split(' ')[1] ?? '', 'base64').includes('ledger')).toBe(false);
  });

  it('is nothing without its key: the offer alone changes nothing (D2)', async () => {
    expect((await login('ed25519', await issue('ed25519'), 'true', 'ecdsa')).code).toBe(255);
  });

  it('for other targets is refused, and names are compared whole (D4)', async () => {
    for (const targets of [['web-2'], ['web-10', 'web'], ['WEB-1']])
      expect((await login('ed25519', await issue('ed25519', ann(), targets))).code, targets.join()).toBe(255);
    for (const targets of [['web-2,web-1'], ['web-1\n'], [''], []])
      await expect(issue('ed25519', ann(), targets)).rejects.toMatchObject({ code: 'usage.invalid' });
  });

  it('is not good beyond the login behind it, for who was locked, and for an issuer that is not trusted any more', async () => {
    const expired = await login('ed25519', await issue('ed25519', ann({ expiresAt: Date.now() - 1 })));
    expect(expired.err).toContain('login.expired');
    const certificate = await issue('ed25519');
    world.path.locked.add('test#ann');
    try {
      expect((await login('ed25519', certificate)).err).toContain('login.locked');
    } finally {
      world.path.locked.delete('test#ann');
    }
    expect((await login('ed25519', certificate)).code).toBe(0);
    expect((await login('ed25519', await issue('ed25519', ann({ issuer: 'other' })))).err).toContain('login.token_invalid');
  });

  it('ends the sessions that stand on it with the login', async () => {
    const expiresAt = Date.now() + 600_000;
    const seen: (number | undefined)[] = [];
    // Its end is brought forward once the session is open, however long that took.
    const during = (child: ChildProcessWithoutNullStreams): void =>
      void child.stdout.once('data', () => {
        const session = world.path.path.live.list().at(-1);
        seen.push(session?.guard.expiresAt);
        if (session !== undefined) world.path.path.live.renew(session.start.session, { ...session.identity, expiresAt: Date.now() + 100 });
      });
    const ended = await login('ed25519', await issue('ed25519', ann({ expiresAt })), 'echo in; sleep 1000', 'ed25519', { during });
    expect(seen).toEqual([expiresAt]);
    expect(ended).toMatchObject({ code: 255 });
    expect(ended.out.toString()).toBe('in\n');
    expect(ended.err).toContain('login.expired');
  });

  it('is not let in where policy does not let its holder connect', async () => {
    world.path.setPolicy('version: 1\nrules: [{ id: others, effect: allow, actions: [connect], subjects: { groups: [others] } }]');
    try {
      expect((await login('ed25519', await issue('ed25519'))).err).toContain('policy.connect_denied');
    } finally {
      world.path.setPolicy('version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: all, effect: allow, actions: [connect] }]');
    }
  });
});

/** A certificate that is wrong in one thing, signed by `authority`. */
interface Wrong {
  readonly authority: KeyObject;
  readonly kind?: number;
  readonly critical?: Buffer;
  readonly signer?: Buffer;
  readonly inner?: Buffer;
  readonly type?: string;
}

async function wrong({ authority, kind = 1, critical = Buffer.alloc(0), signer, inner, type = 'ssh-ed25519' }: Wrong): Promise<Buffer> {
  const key = Buffer.from((await publicKey('ed25519')).split(' ')[1] ?? '', 'base64');
  const pass = world.path.passes.issue(ann(), 'x');
  const body = Buffer.concat([
    string(`${type}-cert-v01@openssh.com`),
    string(randomBytes(32)),
    inner ?? key.subarray(4 + key.readUInt32BE(0)),
    Buffer.alloc(8),
    uint32(kind),
    string('id'),
    string(string('web-1')),
    Buffer.alloc(8),
    Buffer.alloc(8, 0xff),
    string(critical),
    string(Buffer.concat([string('pass@gw'), string(string(pass))])),
    string(''),
    string(signer ?? blobOf(authority)),
  ]);
  return Buffer.concat([body, string(signWith(authority, 'ssh-ed25519', body))]);
}

describe('what is nearly a certificate of the gateway', () => {
  const ours = (): KeyObject => createPrivateKey({ key: Buffer.from(clients().expose(), 'base64'), format: 'der', type: 'pkcs8' });

  it('is none: another authority, a host, options, a certificate inside or above (D1), a byte too many or changed', async () => {
    const authority = blobOf(ours());
    const other = generateKeyPairSync('ed25519').privateKey;
    const good = await wrong({ authority: ours() });
    expect(readCertificate(good, authority)?.principals).toEqual(['web-1']);
    const option = Buffer.concat([string('force-command'), string(string('true'))]);
    const none: Record<string, Buffer> = {
      'another authority': await wrong({ authority: other }),
      'another authority that names ours': await wrong({ authority: other, signer: authority }),
      'of a host': await wrong({ authority: ours(), kind: 2 }),
      'with a critical option': await wrong({ authority: ours(), critical: option }),
      'signed by a certificate': await wrong({ authority: ours(), signer: good }),
      'of a certificate': await wrong({ authority: ours(), type: 'ssh-ed25519-cert-v01@openssh.com' }),
      'of a key that is none': await wrong({ authority: ours(), inner: string(Buffer.alloc(31)) }),
      longer: Buffer.concat([good, Buffer.alloc(1)]),
    };
    for (const [what, blob] of Object.entries(none)) expect(readCertificate(blob, authority), what).toBeNull();
    for (let cut = 0; cut < good.length; cut++) expect(readCertificate(good.subarray(0, cut), authority), `cut at ${cut}`).toBeNull();
    for (let at = 0; at < good.length; at += 7) {
      const changed = Buffer.from(good);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(readCertificate(changed, authority), `changed at ${at}`).toBeNull();
    }
  });

  it('whose login was sealed for another key lets nobody in', async () => {
    const ended = await login('ed25519', `ssh-ed25519-cert-v01@openssh.com ${(await wrong({ authority: ours() })).toString('base64')}`);
    expect(ended.err).toContain('login.token_invalid');
  });

  it('that the authority for targets signed is refused by the gateway', async () => {
    const targets = createPrivateKey({ key: Buffer.from(world.path.authorities?.targets.expose() ?? '', 'base64'), format: 'der', type: 'pkcs8' });
    const ended = await login('ed25519', `ssh-ed25519-cert-v01@openssh.com ${(await wrong({ authority: targets })).toString('base64')}`);
    expect(ended.code).toBe(255);
  });
});

describe('a target that trusts the authority of the gateway', () => {
  it('lets it in by a certificate for minutes, for a name of the configuration only, and knows whose session it is', async () => {
    const trust = join(files, 'ca.pub');
    await writeFile(trust, 'ssh-ed25519 AAAA\n');
    await chmod(trust, 0o644);
    const settings = [`TrustedUserCAKeys ${trust}`, `AuthorizedPrincipalsFile ${files}/principals`, 'AuthorizedKeysFile none'];
    await writeFile(join(files, 'principals'), 'deploy\n', { mode: 0o644 });
    await using sshd = await startRealSshd(settings);
    const open = async (principals: readonly string[]): Promise<Ended> => {
      await using other = await startSshWorld({ sshd, principals, noKey: true });
      await writeFile(trust, `${ssh.authorities?.targets.describe(other.path.authorities?.targets.expose() ?? '') ?? ''}\n`);
      return await other.ssh(['web-1', 'echo certified']);
    };
    const ended = await open(['deploy']);
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: 'certified\n' });
    expect(sshd.log()).toMatch(/Accepted certificate ID "ses_\w+ ann"/);
    const refused = await open(['root', 'deploy2']);
    expect(refused.err).toContain('target.credential');
    expect(refused.out.toString()).toBe('');
  });

  it('is not impressed by a certificate of a person', async () => {
    const authority = createPrivateKey({ key: Buffer.from(clients().expose(), 'base64'), format: 'der', type: 'pkcs8' });
    const key = Buffer.from((await publicKey('ed25519')).split(' ')[1] ?? '', 'base64');
    const request = { key, serial: 1n, keyId: 'x', principals: ['deploy'], notBefore: 0, notAfter: Date.now() + 60_000, extensions: new Map() };
    const targets = blobOf(createPrivateKey({ key: Buffer.from(world.path.authorities?.targets.expose() ?? '', 'base64'), format: 'der', type: 'pkcs8' }));
    expect(readCertificate(makeCertificate(authority, request), targets)).toBeNull();
  });
});
