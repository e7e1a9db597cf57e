/** A login that waits for a person: what the client says meanwhile costs nothing that stays, and is not without end. */
import { createHook } from 'node:async_hooks';
import { PassThrough } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/base/secret.js';
import { GwError } from '../../../src/contract/gw-error.js';
import type { LoginConnection, LoginRequest } from '../../../src/contract/protocol.js';
import { LOGIN_BYTES } from '../../../src/protocols/ssh/codec/limits.js';
import { MESSAGE } from '../../../src/protocols/ssh/codec/messages.js';
import { message, string } from '../../../src/protocols/ssh/codec/wire.js';
import { login } from '../../../src/protocols/ssh/login.js';
import { serverIdentity } from '../../../src/protocols/ssh/server-identity.js';
import { HOST_KEYS, Transport, transportReady } from '../../../src/protocols/ssh/transport/transport.js';

beforeAll(transportReady);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Waiting {
  readonly heard: number[] = [];
  readonly unread: Buffer[] = [];
  confirm: (token: Secret) => void = () => undefined;
  refuse: (error: GwError) => void = () => undefined;
  readonly request: Promise<LoginRequest>;
  readonly transport: Transport;
  readonly #pieces: Buffer[] = [];
  #wanted: ((piece: Buffer) => void) | null = null;

  constructor() {
    this.transport = new Transport(
      { kind: 'client', algorithms: HOST_KEYS, proof: (shown) => shown },
      {
        write: (bytes) => this.#say(Buffer.from(bytes)),
        payload: (payload) => void this.heard.push(payload[0] ?? -1),
        ready: () => this.transport.send(message(MESSAGE.serviceRequest, string('ssh-userauth'))),
        disconnected: () => undefined,
      },
    );
    const token = new Promise<Secret>((resolve, reject) => {
      this.confirm = resolve;
      this.refuse = reject;
    });
    const device = { code: 'ABCD', url: 'https://login.example/', completeUrl: null, expiresAt: 0, token: () => token };
    this.transport.start();
    this.request = login({
      stream: new PassThrough(),
      via: 'native',
      target: null,
      secure: true,
      serverIdentity: new Secret(serverIdentity.generate()),
      clientAuthority: null,
      deviceLogin: () => Promise.resolve(device),
      read: () => this.#read(),
      unread: (chunk) => void this.unread.push(chunk),
      write: (chunk) => this.transport.feed(Buffer.from(chunk)),
    } as Partial<LoginConnection> as LoginConnection);
  }

  /** Asked for a browser, and shown the code. */
  static async begin(): Promise<Waiting> {
    const waiting = new Waiting();
    while (!waiting.heard.includes(MESSAGE.serviceAccept)) await turn();
    waiting.transport.send(message(MESSAGE.authRequest, string('web-1'), string('ssh-connection'), string('keyboard-interactive'), string(''), string('')));
    while (!waiting.heard.includes(MESSAGE.authMore)) await turn();
    return waiting;
  }

  #say(bytes: Buffer): void {
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted === null) this.#pieces.push(bytes);
    else wanted(bytes);
  }

  #read(): Promise<Buffer> {
    const piece = this.#pieces.shift();
    return piece === undefined ? new Promise((resolve) => (this.#wanted = resolve)) : Promise.resolve(piece);
  }

  /** Says nothing, in a piece of its own. */
  async ignore(bytes = 0): Promise<void> {
    this.transport.send(message(2, string('x'.repeat(bytes))));
    await turn();
  }
}

describe('a login that waits for a browser', () => {
  it('keeps nothing of the pieces that come meanwhile', async () => {
    const waiting = await Waiting.begin();
    const pending = new Set<number>();
    const hook = createHook({
      init: (id, type) => void (type === 'PROMISE' && pending.add(id)),
      promiseResolve: (id) => void pending.delete(id),
    });
    await waiting.ignore();
    hook.enable();
    for (let piece = 0; piece < 500; piece++) await waiting.ignore();
    hook.disable();
    expect(pending.size).toBeLessThan(20);
    waiting.confirm(new Secret('token-ann'));
    expect(await waiting.request).toMatchObject({ target: 'web-1', credential: { kind: 'token' } });
  });

  it('ends where more comes than there is to say', async () => {
    const waiting = await Waiting.begin();
    const ended = expect(waiting.request).rejects.toMatchObject({ code: 'protocol.violation', message: expect.stringContaining('before a login') as string });
    for (let sent = 0; sent <= LOGIN_BYTES; sent += 30_000) await waiting.ignore(30_000);
    await ended;
  });

  it('that fails is told so once, and the client may go on in another way', async () => {
    const waiting = await Waiting.begin();
    waiting.refuse(new GwError('login.failed', 'Nobody confirmed it.'));
    while (!waiting.heard.includes(MESSAGE.authFailure)) await turn();
    await waiting.ignore();
    expect(waiting.heard.slice(-2)).toEqual([MESSAGE.authBanner, MESSAGE.authFailure]);
    waiting.transport.send(message(MESSAGE.authRequest, string('web-1'), string('ssh-connection'), string('password'), Buffer.from([0]), string('token-ann')));
    expect(await waiting.request).toMatchObject({ credential: { kind: 'token' } });
    expect(waiting.unread).toEqual([]);
  });

  it('that the client gave up counts for nothing when it is confirmed', async () => {
    const waiting = await Waiting.begin();
    waiting.transport.send(message(MESSAGE.authRequest, string('web-1'), string('ssh-connection'), string('none')));
    while (!waiting.heard.includes(MESSAGE.authFailure)) await turn();
    waiting.confirm(new Secret('token-mallory'));
    await turn();
    waiting.transport.send(message(MESSAGE.authRequest, string('other'), string('ssh-connection'), string('password'), Buffer.from([0]), string('token-ann')));
    expect(await waiting.request).toMatchObject({ target: 'other' });
  });

  it('leaves what the client says behind its confirmation to whoever reads next', async () => {
    const waiting = await Waiting.begin();
    waiting.confirm(new Secret('token-ann'));
    await waiting.request;
    await waiting.ignore();
    expect(waiting.unread.length).toBe(1);
  });
});
