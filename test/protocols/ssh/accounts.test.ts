/**
 * As whom on the host: accounts that policy names, with the system's own ssh and an sshd that trusts the gateway's authority and says in
 * AuthorizedPrincipalsFile which name of a certificate may be which account. The configuration's own account is one that the host does not have.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ssh } from '../../../src/protocols/ssh/index.js';
import { type RealSshd, startRealSshd } from '../../support/real-sshd.js';
import { type Ended, run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

let world: SshWorld;
let sshd: RealSshd;
let account: string;
let files: string;

beforeAll(async () => {
  // Read at each login, so the authority of the gateway can be written once it is there.
  const outer = await startSshWorld();
  files = join(outer.dir, 'trust');
  await mkdir(files, { mode: 0o755 });
  const trust = join(files, 'ca.pub');
  await writeFile(trust, 'ssh-ed25519 AAAA\n', { mode: 0o644 });
  sshd = await startRealSshd([`TrustedUserCAKeys ${trust}`, `AuthorizedPrincipalsFile ${files}/principals-%u`, 'AuthorizedKeysFile none']);
  account = sshd.username;
  world = await startSshWorld({ sshd, username: 'gw-nobody', principals: ['gw-{{account}}'], noKey: true });
  await writeFile(trust, `${ssh.authorities?.targets.describe(world.path.authorities?.targets.expose() ?? '') ?? ''}\n`, { mode: 0o644 });
  await writeFile(join(files, `principals-${account}`), `gw-${account}\n`, { mode: 0o644 });
  outerWorld = outer;
});
let outerWorld: SshWorld;
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await sshd?.[Symbol.asyncDispose]();
  await outerWorld?.[Symbol.asyncDispose]();
});

const policy = (...rules: string[]): void =>
  world.path.setPolicy(
    `version: 1\ndefaults: [{ operations: allow }]\nrules:\n${rules.map((rule, at) => `  - { id: r${at}, actions: [connect], ${rule} }\n`).join('')}`,
  );
const as = (user: string, command = 'whoami'): Promise<Ended> => run('ssh', [...world.options(), '-l', user, 'web-1', command], { env: { ...world.env } });
const starts = async () => (await world.recorded()).flatMap((item) => (item.kind === 'start' ? [item.start] : []));

beforeEach(() => policy(`effect: allow, as: [${account}]`));

describe('an account that policy names', () => {
  it('is who the session is on the host, by a certificate with its own principal, and stands in the record with its rule', async () => {
    const ended = await as(`web-1+${account}`);
    expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: `${account}\n` });
    expect(sshd.log()).toMatch(/Accepted certificate ID "ses_\w+ ann"/);
    expect((await starts()).at(-1)).toMatchObject({ account, decision: { rule: 'test/r0', effect: 'allow' } });
  });

  it('need not be named where it is the only one', async () => {
    expect((await as('web-1')).out.toString()).toBe(`${account}\n`);
  });

  it('is refused where policy does not name it, and the host is never asked', async () => {
    const before = sshd.log().length;
    for (const name of ['gw-nobody', 'daemon', `${account},daemon`, `${account} `, '*', '', `${account}+x`, 'a,b']) {
      const ended = await as(`web-1+${name}`);
      expect(ended.code, name).toBe(255);
      expect(ended.err, name).toContain('policy.connect_denied');
    }
    expect(sshd.log().slice(before)).not.toContain('Accepted');
  });

  it('must be named where there are several', async () => {
    policy(`effect: allow, as: [${account}, daemon]`);
    const ended = await as('web-1');
    expect(ended.err).toContain(`several accounts of web-1 are possible (${account}, daemon), and none was named`);
    expect((await as(`web-1+${account}`)).out.toString()).toBe(`${account}\n`);
  });

  it('that the host does not know by this principal is refused by the host', async () => {
    policy('effect: allow, as: [daemon]');
    await writeFile(join(files, 'principals-daemon'), `gw-${account}\ndaemon\n`, { mode: 0o644 });
    expect((await as('web-1+daemon')).err).toContain('target.credential');
  });

  it('made from the verified address of who asks is theirs alone', async () => {
    policy('effect: allow, as: ["{{subject.local}}"]');
    world.path.identities.set('ann', { email: 'Ann.Other@bank.example', emailVerified: true });
    try {
      const other = await as(`web-1+${account}`);
      expect(other.err).toContain('policy.connect_denied');
      // The name is theirs and the host has no such account.
      expect((await as('web-1')).err).toContain('target.credential');
      expect((await starts()).at(-1)).toMatchObject({ account: 'Ann.Other' });
    } finally {
      world.path.identities.delete('ann');
    }
  });

  it('that policy takes back ends the session, whatever else is still allowed', async () => {
    const ended = run('ssh', [...world.options(), '-o', `User=web-1+${account}`, 'web-1', 'echo in; sleep 1000'], {
      env: { ...world.env },
      during: (child) => child.stdout.once('data', () => policy('effect: allow', 'effect: allow, as: [daemon]')),
    });
    const { code, err } = await ended;
    expect(code).toBe(255);
    expect(err).toContain('session.revoked');
    expect(err).toContain(`connect to web-1 as ${account}`);
  });

  it('is not exchanged for the account of the configuration where only that is left', async () => {
    const ended = run('ssh', [...world.options(), '-o', `User=web-1+${account}`, 'web-1', 'echo in; sleep 1000'], {
      env: { ...world.env },
      during: (child) => child.stdout.once('data', () => policy('effect: allow')),
    });
    expect((await ended).err).toContain('session.revoked');
  });
});

describe('what the gateway holds beside a certificate', () => {
  it('is for the account of the configuration and shown for no other', async () => {
    // This sshd takes the key for the same account: only the certificate may count when policy names the account.
    await using plain = await startRealSshd();
    await using other = await startSshWorld({ sshd: plain, username: 'gw-nobody', principals: ['x'] });
    other.path.setPolicy(`version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: r, effect: allow, actions: [connect], as: [${plain.username}] }]`);
    const ended = await run('ssh', [...other.options(), '-o', `User=web-1+${plain.username}`, 'web-1', 'whoami'], { env: { ...other.env } });
    expect(ended.code).toBe(255);
    expect(ended.err).toContain('target.credential');
  });

  it('is all there is without one: another account is refused by policy', async () => {
    await using other = await startSshWorld();
    other.path.setPolicy('version: 1\ndefaults: [{ operations: allow }]\nrules: [{ id: r, effect: allow, actions: [connect], as: [daemon] }]');
    const ended = await run('ssh', [...other.options(), '-o', 'User=web-1+daemon', 'web-1', 'whoami'], { env: { ...other.env } });
    expect(ended.err).toContain('always opened as the account of its configuration');
  });
});
