/** Login of clients, message for message: what counts as a proof and what does not. Each right way has its wrong twins. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePortKey } from '../../../src/cli/native-client/port-key.js';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32, WireReader } from '../../../src/protocols/ssh/codec/wire.js';
import { blobOf, keyType, signatureAlgorithms, signWith } from '../../../src/protocols/ssh/transport/public-key.js';
import { HOST_KEYS, Transport } from '../../../src/protocols/ssh/transport/transport.js';
import { encodeFrame, TUNNEL_ALPN } from '../../../src/tunnel/frame.js';
import { run, type SshWorld, startSshWorld } from '../../support/ssh-world.js';
import { type TestCertificate, testCertificate } from '../../support/test-certificate.js';

let world: SshWorld;
let certificate: TestCertificate;

beforeAll(async () => {
  certificate = await testCertificate();
  world = await startSshWorld({ certificate, limits: { handshakeTimeoutMs: 5_000 } });
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** A client that says what it is told to say. */
class BareClient {
  readonly transport: Transport;
  readonly #stream: net.Socket;
  readonly #heard: Buffer[] = [];
  #wake: () => void = () => undefined;
  #closed = false;

  private constructor(stream: net.Socket) {
    this.#stream = stream;
    this.transport = new Transport(
      { kind: 'client', algorithms: HOST_KEYS, proof: (shown) => shown },
      {
        write: (bytes) => void stream.write(bytes),
        payload: (payload) => {
          this.#heard.push(Buffer.from(payload));
          this.#wake();
        },
        ready: () => this.transport.send(message(MESSAGE.serviceRequest, string('ssh-userauth'))),
        disconnected: (_, text) => {
          this.#heard.push(Buffer.from(`\u0001${text}`));
          this.#wake();
        },
      },
    );
    stream.on('data', (chunk: Buffer) => {
      // What comes behind a goodbye is nothing any more.
      if (!this.#closed) this.transport.feed(chunk);
    });
    stream.on('error', () => stream.destroy());
    stream.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  static async native(): Promise<BareClient> {
    const socket = net.connect(world.path.port, '127.0.0.1');
    await once(socket, 'connect');
    return BareClient.#begin(socket);
  }

  static async tunnel(secret: string, token = 'token-ann'): Promise<BareClient> {
    const socket = tls.connect({ port: world.path.tlsPort ?? 0, host: '127.0.0.1', ca: certificate.ca, servername: 'localhost', ALPNProtocols: [TUNNEL_ALPN] });
    await once(socket, 'secureConnect');
    socket.write(encodeFrame({ target: 'web-1', token, secret, client: 'test' }));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    const end = 4 + reply.readUInt32BE(0);
    if (reply.length > end) socket.unshift(reply.subarray(end));
    return BareClient.#begin(socket);
  }

  static async #begin(socket: net.Socket): Promise<BareClient> {
    const client = new BareClient(socket);
    client.transport.start();
    expect((await client.next())?.[0]).toBe(MESSAGE.serviceAccept);
    return client;
  }

  /** The next message; null when the connection is closed. */
  async next(): Promise<Buffer | null> {
    for (;;) {
      const message_ = this.#heard.shift();
      if (message_ !== undefined) return message_;
      if (this.#closed) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next message that is no banner. */
  async answer(): Promise<number | null> {
    for (;;) {
      const next = await this.next();
      if (next === null) return null;
      if (next[0] !== MESSAGE.authBanner) return next[0] ?? 0;
    }
  }

  request(method: string, ...parts: Uint8Array[]): Buffer {
    return message(MESSAGE.authRequest, string('web-1'), string('ssh-connection'), string(method), ...parts);
  }

  offer(key: KeyObject, blob = blobOf(key), algorithm = signatureAlgorithms(keyType(blob))[0] ?? ''): void {
    this.transport.send(this.request('publickey', boolean(false), string(algorithm), string(blob)));
  }

  sign(key: KeyObject, { blob = blobOf(key), session = this.transport.sessionId, as = blob }: { blob?: Buffer; session?: Buffer; as?: Buffer } = {}): void {
    const algorithm = signatureAlgorithms(keyType(as))[0] ?? '';
    const unsigned = this.request('publickey', boolean(true), string(algorithm), string(as));
    const own = signatureAlgorithms(keyType(blobOf(key)))[0] ?? '';
    this.transport.send(Buffer.concat([unsigned, string(signWith(key, own, Buffer.concat([string(session), unsigned])))]));
  }

  password(text: string): void {
    this.transport.send(this.request('password', boolean(false), string(text)));
  }

  close(): void {
    this.#stream.destroy();
  }
}

const portKey = (): { key: KeyObject; secret: string } => {
  const { privateKey, secret } = makePortKey();
  return { key: createPrivateKey(privateKey), secret };
};

describe('on a tunnel', () => {
  it('the key of the port is let in by its signature, and its secret as a password only where it is no digest', async () => {
    const { key, secret } = portKey();
    const client = await BareClient.tunnel(secret);
    client.offer(key);
    expect(await client.answer()).toBe(MESSAGE.authMore);
    client.sign(key);
    expect(await client.answer()).toBe(MESSAGE.authSuccess);
    client.close();
    const guessing = await BareClient.tunnel(secret);
    guessing.password(secret);
    expect(await guessing.answer()).toBe(MESSAGE.authFailure);
    guessing.close();
    const text = 'x'.repeat(43);
    const by = await BareClient.tunnel(text);
    by.password(text);
    expect(await by.answer()).toBe(MESSAGE.authSuccess);
    by.close();
  });

  it('D2: offering a key proves nothing: the identity is that of the signature', async () => {
    const { key, secret } = portKey();
    const other = portKey();
    const client = await BareClient.tunnel(secret);
    client.offer(key);
    expect(await client.answer()).toBe(MESSAGE.authMore);
    client.sign(other.key);
    expect(await client.answer()).toBe(MESSAGE.disconnect);
    // Signed by the other key, in the name of the right one.
    const pretending = await BareClient.tunnel(secret);
    pretending.offer(key);
    expect(await pretending.answer()).toBe(MESSAGE.authMore);
    pretending.sign(other.key, { as: blobOf(key) });
    expect(await pretending.answer()).toBe(MESSAGE.authFailure);
    pretending.close();
  });

  it('a signature of another connection is worth nothing', async () => {
    const { key, secret } = portKey();
    const first = await BareClient.tunnel(secret);
    const second = await BareClient.tunnel(secret);
    second.sign(key, { session: first.transport.sessionId });
    expect(await second.answer()).toBe(MESSAGE.authFailure);
    first.close();
    second.close();
  });

  it('D1: a certificate is never taken for the key in it, nor a short RSA key for one', async () => {
    const { key, secret } = portKey();
    const client = await BareClient.tunnel(secret);
    const certificateBlob = Buffer.concat([string('ecdsa-sha2-nistp256-cert-v01@openssh.com'), string('nonce'), blobOf(key)]);
    client.offer(key, certificateBlob, 'ecdsa-sha2-nistp256-cert-v01@openssh.com');
    expect(await client.answer()).toBe(MESSAGE.authFailure);
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    client.offer(small);
    expect(await client.answer()).toBe(MESSAGE.authFailure);
    // SHA-1 is no algorithm of an RSA key.
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    client.offer(rsa, blobOf(rsa), 'ssh-rsa');
    expect(await client.answer()).toBe(MESSAGE.authFailure);
    client.close();
  });
});

describe('on the native port', () => {
  it('a token is the password; a wrong one, none, and an empty one are not', async () => {
    const client = await BareClient.native();
    client.password('token-ann');
    expect(await client.answer()).toBe(MESSAGE.authSuccess);
    client.close();
    const wrong = await BareClient.native();
    wrong.password('not-a-token');
    expect((await wrong.next())?.toString()).toContain('login.token_invalid');
    const none = await BareClient.native();
    none.transport.send(none.request('none'));
    expect(await none.answer()).toBe(MESSAGE.authFailure);
    none.password('');
    expect(await none.answer()).toBe(MESSAGE.authFailure);
    none.close();
  });

  it('a key without a certificate of the gateway is nothing', async () => {
    const client = await BareClient.native();
    client.sign(portKey().key);
    const answer = await client.next();
    expect(answer?.[0]).toBe(MESSAGE.authFailure);
    expect(new WireReader(answer ?? Buffer.alloc(0), 1).name()).toBe('publickey,password');
    client.close();
  });

  it('an unknown target is said to be unknown', async () => {
    const ended = await world.ssh(['-o', 'User=nowhere', 'web-1', 'true']);
    expect(ended.code).toBe(255);
    expect(ended.err).toContain('target.unknown');
  });

  it('D7: nothing but a login is answered before it', async () => {
    for (const payload of [
      message(MESSAGE.open, string('session'), uint32(0), uint32(1 << 20), uint32(32_768)),
      message(MESSAGE.globalRequest, string('tcpip-forward'), boolean(true), string(''), uint32(0)),
      message(MESSAGE.authInfoResponse, uint32(0)),
      message(MESSAGE.authSuccess),
      message(MESSAGE.serviceRequest, string('ssh-connection')),
    ]) {
      const client = await BareClient.native();
      client.transport.send(payload);
      // Last words (RFC 4253 section 11.1) are no answer.
      expect((await client.next())?.toString(), String(payload[0])).toContain('(protocol.violation)');
      expect(await client.answer()).toBeNull();
    }
  });

  it('D6: a packet that is long is not read before it, however it is cut, and the client is told so', async () => {
    for (const length of [35_001, 60_000, 200_000]) {
      const client = await BareClient.native();
      client.transport.send(message(2, string(Buffer.alloc(length))));
      expect((await client.next())?.toString(), String(length)).toMatch(/Bad packet length: \d+, and at most 35000 bytes are read/);
      expect(await client.answer()).toBeNull();
    }
  });

  it('somebody who tries on and on is cut off', async () => {
    const client = await BareClient.native();
    let answers = 0;
    for (;;) {
      client.transport.send(client.request('none'));
      if ((await client.answer()) !== MESSAGE.authFailure) break;
      answers++;
    }
    expect(answers).toBe(20);
  });
});

describe('before any key stands', () => {
  async function raw(...chunks: Buffer[]): Promise<Buffer> {
    const socket = net.connect(world.path.port, '127.0.0.1');
    const heard: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    socket.on('error', () => socket.destroy());
    for (const chunk of chunks) socket.write(chunk);
    await once(socket, 'close');
    return Buffer.concat(heard);
  }

  it('D6: a length is not believed', async () => {
    for (const length of [0xff_ff_ff_ff, 0x7f_ff_ff_ff, 35_004, 0, 3]) await raw(Buffer.from('SSH-2.0-x\r\n'), uint32(length), Buffer.alloc(64));
    expect((await world.ssh(['web-1', 'echo alive'])).out.toString()).toBe('alive\n');
  });

  it('what is no SSH is not answered but with the version', async () => {
    for (const hello of ['GET / HTTP/1.1\r\n\r\n', 'SSH-1.5-old\r\n', `${'x'.repeat(10_000)}\r\n`, 'SSH-2.0-\u0000\r\n'])
      expect((await raw(Buffer.from(hello))).toString()).toMatch(/^(?:SSH-2\.0-gw\r\n)?/);
  });

  it('D5: ciphers that an attacker on the wire can cut are not offered, and keys are exchanged strictly', async () => {
    const chosen = await world.ssh(['-o', 'LogLevel=INFO', '-o', 'Ciphers=chacha20-poly1305@openssh.com', 'web-1', 'true']);
    expect(chosen.err).toContain('no matching cipher');
    const old = await run('ssh', [...world.options(), '-o', 'LogLevel=INFO', '-o', 'MACs=hmac-sha1', '-o', 'Ciphers=aes128-ctr', 'web-1', 'true'], {
      env: world.env,
    });
    expect(old.err).toContain('no matching MAC');
    const strict = await world.ssh(['-o', 'LogLevel=DEBUG3', 'web-1', 'true']);
    expect(strict.err).toContain('will use strict KEX ordering');
  });
});
