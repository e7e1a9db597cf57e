/**
 * Hosts that prove who they are by a certificate: the system's sshd with certificates of ssh-keygen, every one that is nearly right, and hosts that
 * show somebody else's.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Protocol from 'ssh2/lib/protocol/Protocol.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import { judgeHostCertificate } from '../../../src/protocols/ssh/transport/host-certificate.js';
import { blobOf, signWith } from '../../../src/protocols/ssh/transport/public-key.js';
import { type RealSshd, startRealSshd } from '../../support/real-sshd.js';
import { type Ended, type SshWorld, startSshWorld } from '../../support/ssh-world.js';

const exec = promisify(execFile);
let dir: string;
/** `TYPE BASE64` of two authorities, and their key files. */
const authority: Record<string, { readonly file: string; readonly line: string }> = {};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gw-host-ca-'));
  for (const [name, type] of Object.entries({ ours: 'ed25519', other: 'ed25519', rsa: 'rsa', ecdsa: 'ecdsa' })) {
    const file = join(dir, name);
    await exec('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', file]);
    authority[name] = { file, line: await lineOf(`${file}.pub`) };
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const lineOf = async (file: string): Promise<string> => (await readFile(file, 'utf8')).split(' ').slice(0, 2).join(' ').trim();
const line = (name: string): string => authority[name]?.line ?? '';

interface Signing {
  readonly by?: string;
  readonly names?: string | null;
  readonly validity?: string;
  readonly hostKeyType?: string;
  /** Not for a host. */
  readonly user?: true;
}

/** Certifies the host key as ssh-keygen does. */
const signing =
  ({ by = 'ours', names = '127.0.0.1', validity, user }: Signing) =>
  async (hostKeyFile: string): Promise<string> => {
    const kind = user === true ? [] : ['-h'];
    const more = [...(names === null ? [] : ['-n', names]), ...(validity === undefined ? [] : ['-V', validity])];
    await exec('ssh-keygen', ['-q', '-s', authority[by]?.file ?? '', ...kind, '-I', 'host', ...more, `${hostKeyFile}.pub`]);
    return `${hostKeyFile}-cert.pub`;
  };

async function withHost<T>(
  certify: ((hostKeyFile: string) => Promise<string>) | undefined,
  use: (sshd: RealSshd) => Promise<T>,
  hostKeyType?: string,
): Promise<T> {
  await using sshd = await startRealSshd([], undefined, hostKeyType, undefined, certify);
  return await use(sshd);
}

async function open(sshd: Pick<RealSshd, 'port' | 'key' | 'username'>, options: Record<string, unknown>): Promise<Ended> {
  await using world: SshWorld = await startSshWorld({ sshd: sshd as RealSshd, options });
  return await world.ssh(['-o', 'LogLevel=INFO', 'web-1', 'echo in']);
}

function expectIn(ended: Ended): void {
  expect({ code: ended.code, out: ended.out.toString() }, ended.err).toEqual({ code: 0, out: 'in\n' });
}

function expectRefused(ended: Ended, why: string): void {
  expect({ code: ended.code, out: ended.out.toString() }).toEqual({ code: 255, out: '' });
  expect(ended.err).toContain(why);
  expect(ended.err).toContain('target.unreachable');
}

describe('a host with a certificate of an authority that is pinned', () => {
  it.each(['ed25519', 'ecdsa', 'rsa'])('is believed, with a key of the type %s, by any type of authority', async (type) => {
    for (const by of ['ours', 'rsa', 'ecdsa'])
      await withHost(signing({ by, hostKeyType: type }), async (sshd) => expectIn(await open(sshd, { hostAuthorities: [line(by)] })), type);
  });

  it('is believed for as long as it says, under one of its names, known by another name than its address', async () => {
    await withHost(signing({ names: 'web-1.internal,web-1', validity: '-1d:+1d' }), async (sshd) => {
      expectIn(await open(sshd, { hostAuthorities: [line('other'), line('ours')], knownAs: 'WEB-1.internal' }));
      expectRefused(await open(sshd, { hostAuthorities: [line('ours')] }), 'it is for hosts of other names');
      expectRefused(await open(sshd, { hostAuthorities: [line('ours')], knownAs: 'web-1.internal.example' }), 'it is for hosts of other names');
    });
  });

  it('goes on being believed when keys are exchanged again and again', async () => {
    await using sshd = await startRealSshd(['RekeyLimit 64K'], undefined, undefined, undefined, signing({}));
    await using world = await startSshWorld({ sshd, options: { hostAuthorities: [line('ours')] } });
    const ended = await world.ssh(['web-1', 'head -c 1000000 /dev/zero']);
    expect({ code: ended.code, bytes: ended.out.length }, ended.err).toEqual({ code: 0, bytes: 1_000_000 });
  });

  it('is found by lines of known_hosts, with and without the port, and not when they are of other hosts', async () => {
    const file = join(dir, 'known_hosts');
    const write = (text: string): Promise<void> => writeFile(file, text);
    await withHost(signing({}), async (sshd) => {
      for (const hosts of ['*', '127.0.0.1', `[127.0.0.1]:${sshd.port}`, '10.0.0.1,127.0.0.*']) {
        await write(`@cert-authority ${hosts} ${line('ours')} the authority\n`);
        expectIn(await open(sshd, { knownHosts: file }));
      }
      await write(`@cert-authority 10.*,*.internal ${line('ours')}\n`);
      expectRefused(await open(sshd, { knownHosts: file }), 'another host key');
      // A key that is pinned is not an authority, nor the other way round.
      await write(`127.0.0.1,[127.0.0.1]:${sshd.port} ${line('ours')}\n`);
      expectRefused(await open(sshd, { knownHosts: file }), 'another host key');
      await write(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n@cert-authority * ${line('other')}\n`);
      expectRefused(await open(sshd, { knownHosts: file }), 'is not one that the gateway knows');
    });
    // A host that shows no certificate is believed by its own pinned key, beside authorities.
    await withHost(undefined, async (sshd) => {
      await write(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n@cert-authority * ${line('ours')}\n`);
      expectIn(await open(sshd, { knownHosts: file }));
      expectIn(await open(sshd, { hostKeys: [sshd.hostKey], hostAuthorities: [line('ours')] }));
      expectRefused(await open(sshd, { hostAuthorities: [line('ours')] }), 'shows no host certificate');
    });
  });

  it('is not believed when its key, its authority, or its certificate is marked revoked', async () => {
    const file = join(dir, 'revoked');
    await withHost(signing({}), async (sshd) => {
      const trusted = `@cert-authority * ${line('ours')}\n`;
      const certificate = await lineOf(join(sshd.dir, 'host-cert.pub'));
      const wrong: Readonly<Record<string, string>> = {
        [sshd.hostKey]: 'its key ssh-ed25519 SHA256:',
        [certificate]: 'its key ssh-ed25519 SHA256:',
        [line('ours')]: 'its authority ssh-ed25519 SHA256:',
      };
      for (const [revoked, why] of Object.entries(wrong))
        for (const hosts of ['*', '127.0.0.1', `[127.0.0.1]:${sshd.port}`]) {
          await writeFile(file, `@revoked ${hosts} ${revoked}\n${trusted}`);
          const ended = await open(sshd, { knownHosts: file });
          if (revoked === line('ours')) expectRefused(ended, 'proves another host key');
          else expectRefused(ended, why);
          // What the configuration names itself is revoked by the file as well.
          const both = await open(sshd, { knownHosts: file, hostAuthorities: [line('ours'), line('other')] });
          expectRefused(both, why);
          expectRefused(both, 'is marked revoked');
        }
      await writeFile(file, `@revoked other ${sshd.hostKey}\n@revoked * ${line('other')}\n${trusted}`);
      expectIn(await open(sshd, { knownHosts: file }));
    });
  });

  it.each<[string, Signing, string]>([
    ['of another authority', { by: 'other' }, 'is not one that the gateway knows'],
    ['that is over', { validity: '-2d:-1d' }, 'it expired at '],
    ['that is not good yet', { validity: '+1d:+2d' }, 'it is not valid before '],
    ['of a user', { user: true }, 'it is for a user, not for a host'],
    ['for another host', { names: 'web-2' }, 'it is for hosts of other names'],
    ['for hosts by a pattern', { names: '127.0.0.*,*' }, 'it is for hosts of other names'],
    ['for no host by name', { names: null }, 'it names no host'],
  ])('is refused with a certificate %s', async (_, how, why) => {
    await withHost(signing(how), async (sshd) => {
      const ended = await open(sshd, { hostAuthorities: [line('ours')] });
      expectRefused(ended, why);
      // Names of other hosts are nothing for who only asked for this one.
      expect(ended.err).not.toContain('web-2');
    });
  });
});

/** A certificate of any content, signed by `by`. */
interface Made {
  readonly by: KeyObject;
  readonly key: KeyObject;
  readonly kind?: number;
  readonly names?: readonly string[];
  readonly critical?: Buffer;
  readonly from?: bigint;
  readonly until?: bigint;
  readonly signer?: Buffer;
  readonly type?: string;
  readonly inner?: Buffer;
}

const uint64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

function made({ by, key, kind = 2, names = ['127.0.0.1'], critical = Buffer.alloc(0), from = 0n, until = 2n ** 64n - 1n, ...more }: Made): Buffer {
  const { signer = blobOf(by), type = 'ssh-ed25519', inner } = more;
  const own = blobOf(key);
  const body = Buffer.concat([
    string(`${type}-cert-v01@openssh.com`),
    string(Buffer.alloc(32, 7)),
    inner ?? own.subarray(4 + own.readUInt32BE(0)),
    uint64(1n),
    uint32(kind),
    string('id'),
    string(Buffer.concat(names.map((name) => string(name)))),
    uint64(from),
    uint64(until),
    string(critical),
    // An extension that nobody knows is nothing to a host.
    string(Buffer.concat([string('made-up@example.com'), string('raw')])),
    string(''),
    string(signer),
  ]);
  return Buffer.concat([body, string(signWith(by, 'ssh-ed25519', body))]);
}

const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey;

describe('a certificate that ssh-keygen would not make', () => {
  const [by, key] = [newKey(), newKey()];
  const now = 1_700_000_000_000;
  const expected = { authorities: [blobOf(by)], revoked: [], name: '127.0.0.1', now };
  const why = (shown: Buffer, more: Partial<typeof expected> = {}): string => {
    const judged = judgeHostCertificate(shown, { ...expected, ...more });
    return 'why' in judged ? judged.why : 'accepted';
  };

  it('is refused for what is wrong with it, and the right one is not', () => {
    const good = made({ by, key });
    expect(judgeHostCertificate(good, expected)).toEqual({ key: blobOf(key) });
    const option = Buffer.concat([string('force-command'), string(string('true'))]);
    expect(why(made({ by, key, critical: option }))).toBe('it demands what the gateway does not know: force-command');
    expect(why(made({ by, key, critical: Buffer.from([0, 0, 0, 9, 1]) }))).toBe('it demands what the gateway does not know: options that cannot be read');
    expect(why(made({ by, key, signer: good }))).toBe('its authority is itself a certificate');
    // Also where that certificate is what was pinned.
    expect(why(made({ by, key, signer: good }), { authorities: [good] })).toBe('its authority is itself a certificate');
    expect(why(made({ by, key, signer: string('ssh-dss') }))).toBe('its authority is a key of a kind or size that the gateway does not take');
    expect(why(made({ by: newKey(), key, signer: blobOf(by) }))).toBe('its signature is not one of its authority');
    expect(why(made({ by, key, kind: 1 }))).toBe('it is for a user, not for a host');
    expect(why(made({ by, key, kind: 3 }))).toBe('it is neither for a host nor for a user');
    expect(why(made({ by, key, names: [] }))).toBe('it names no host');
    expect(why(made({ by, key, names: ['127.0.0.1,web', '', '127.0.0.1\0', ' 127.0.0.1'] }))).toBe('it is for hosts of other names');
    expect(why(made({ by, key, inner: string(Buffer.alloc(31)) }))).toBe('its key is of a kind or size that the gateway does not take');
    // A certificate of a certificate, and more names than there may be.
    expect(why(made({ by, key, type: 'ssh-ed25519-cert-v01@openssh.com' }))).toBe('it cannot be read');
    expect(why(made({ by, key, names: Array.from({ length: 257 }, () => '127.0.0.1') }))).toBe('it cannot be read');
    expect(why(Buffer.concat([good, Buffer.alloc(1)]))).toBe('it cannot be read');
  });

  it('is good from its first second on and until before its last', () => {
    const at = BigInt(now / 1000);
    expect(why(made({ by, key, from: at, until: at + 1n }))).toBe('accepted');
    expect(why(made({ by, key, from: at + 1n }))).toBe('it is not valid before 2023-11-14T22:13:21.000Z');
    expect(why(made({ by, key, until: at }))).toBe('it expired at 2023-11-14T22:13:20.000Z');
    expect(why(made({ by, key, from: 2n ** 64n - 1n }))).toBe('it is not valid before the end of time');
  });

  it('is none with one bit changed, or cut anywhere', () => {
    const good = made({ by, key });
    for (let cut = 0; cut < good.length; cut++) expect(why(good.subarray(0, cut)), `cut at ${cut}`).not.toBe('accepted');
    for (let at = 0; at < good.length; at++) {
      const changed = Buffer.from(good);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(why(changed), `changed at ${at}`).not.toBe('accepted');
    }
  });
});

/** A host that shows `certificate` and signs with `key`: certificates are public, everybody can show one. */
async function impostor(certificate: Buffer, key: KeyObject): Promise<{ readonly port: number; readonly proved: () => boolean; close(): void }> {
  const type = 'ssh-ed25519-cert-v01@openssh.com';
  let proved = false;
  const server = net.createServer((socket) => {
    const lists = { cipher: ['aes128-gcm@openssh.com'], mac: ['hmac-sha2-256'], compress: ['none'], lang: [] };
    const protocol: Protocol = new Protocol({
      server: true,
      hostKeys: {
        [type]: {
          type,
          getPublicSSH: () => certificate,
          sign: (data) => {
            // As hosts do it: the certificate is shown, its key's own algorithm stands in the signature.
            if (protocol._kex !== undefined) protocol._kex.negotiated.serverHostKey = 'ssh-ed25519';
            return sign(null, data, key);
          },
        },
      },
      ident: 'impostor',
      offer: { kex: ['curve25519-sha256'], serverHostKey: [type], cs: lists, sc: lists },
      onWrite: (bytes) => void socket.write(bytes),
      onError: () => socket.destroy(),
      onHandshakeComplete: () => undefined,
      messageHandlers: {},
    });
    // Only who believed the host asks it for something (SSH_MSG_SERVICE_REQUEST).
    const inner = protocol._onPayload;
    protocol._onPayload = (payload) => {
      if (payload[0] !== MESSAGE.serviceRequest) return inner(payload);
      proved = true;
      return socket.end();
    };
    socket.on('error', () => socket.destroy());
    protocol.start();
    socket.on('data', (chunk: Buffer) => {
      try {
        protocol.parse(chunk, 0, chunk.length);
      } catch {
        // The gateway hung up on it without keys, which is what is looked for.
        socket.destroy();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as net.AddressInfo).port, proved: () => proved, close: () => void server.close() };
}

describe('a host that shows a certificate', () => {
  it('has to have the certified key: who shows the certificate of another is refused', async () => {
    const [by, key, stolen] = [newKey(), newKey(), newKey()];
    const options = { hostAuthorities: [`ssh-ed25519 ${blobOf(by).toString('base64')}`] };
    const login = { key: '', username: 'nobody' };
    for (const [signs, believed] of [
      [key, true],
      [stolen, false],
      // The authority's own key is not the host's either.
      [by, false],
    ] as const) {
      const host = await impostor(made({ by, key }), signs);
      try {
        const ended = await open({ ...login, port: host.port, key: newKey().export({ type: 'pkcs8', format: 'pem' }).toString() }, options);
        expect(ended.code).toBe(255);
        expect(host.proved(), ended.err).toBe(believed);
        if (!believed) expect(ended.err).toContain('target.protocol');
      } finally {
        host.close();
      }
    }
  });

  it('is what known_hosts of ssh would take, too: both read the same file and judge the same certificates', async () => {
    const file = join(dir, 'both');
    await writeFile(file, `@cert-authority * ${line('ours')}\n`);
    const plain = [
      '-F',
      'none',
      '-o',
      `UserKnownHostsFile=${file}`,
      '-o',
      'GlobalKnownHostsFile=/dev/null',
      '-o',
      'StrictHostKeyChecking=yes',
      '-o',
      'BatchMode=yes',
    ];
    const believes = async (sshd: RealSshd): Promise<boolean> => {
      const args = [...plain, '-p', String(sshd.port), '-i', sshd.keyFile, '127.0.0.1', 'true'];
      return exec('ssh', args).then(
        () => true,
        (error: { stderr: string }) => {
          expect(error.stderr).toMatch(/Host key verification failed|Certificate invalid/);
          return false;
        },
      );
    };
    for (const how of [{}, { by: 'other' }, { validity: '-2d:-1d' }, { names: 'web-2' }, { names: '*' }, { user: true }] satisfies Signing[])
      await withHost(signing(how), async (sshd) => {
        const ended = await open(sshd, { knownHosts: file });
        expect(ended.code === 0, ended.err).toBe(await believes(sshd));
      });
  });
});
