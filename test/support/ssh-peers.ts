/** Both ends of SSH as a test wants them, message for message: a target that does what it is told, and a client that says what it is told to say. */
import { once } from 'node:events';
import * as net from 'node:net';
import { about, MESSAGE } from '../../src/protocols/ssh/codec/messages.js';
import { boolean, message, string, uint32, WireReader } from '../../src/protocols/ssh/codec/wire.js';
import { hostKeyOf, serverIdentity } from '../../src/protocols/ssh/server-identity.js';
import { HOST_KEYS, Transport } from '../../src/protocols/ssh/transport/transport.js';

/** What a target says that opens each channel and says yes to each request; `answer`: to a request of this type on a channel. */
export function agreeably(payload: Buffer, send: (payload: Buffer) => void, answer: (type: string) => number = () => MESSAGE.channelSuccess): void {
  const reader = new WireReader(payload, 1);
  if (payload[0] === MESSAGE.open) {
    reader.name();
    const peer = reader.uint32();
    send(message(MESSAGE.openConfirmation, uint32(peer), uint32(peer), uint32(1 << 20), uint32(32_768)));
  } else if (payload[0] === MESSAGE.channelRequest) {
    const channel = reader.uint32();
    const type = reader.name();
    if (reader.boolean()) send(about(answer(type), channel));
  } else if (payload[0] === MESSAGE.globalRequest) {
    reader.name();
    if (reader.boolean()) send(message(MESSAGE.requestSuccess));
  }
}

/** A target that does as the test says once the gateway is in. */
export async function stubTarget(options: {
  /** Sent before the version. */
  readonly greeting?: string;
  /** Answer to each request to log in; default: let in. */
  readonly login?: (method: string, payload: Buffer, send: (payload: Buffer) => void) => void;
  /** Asked for each connection: false is one that is let in without ado and talks as `otherwise`. */
  readonly hostile?: () => boolean;
  readonly otherwise?: (payload: Buffer, send: (payload: Buffer) => void) => void;
  /** Called with each message behind the login. */
  readonly talk?: (payload: Buffer, send: (payload: Buffer) => void, socket: net.Socket) => void;
}): Promise<{ port: number; hostKey: string; close(): void }> {
  const identity = serverIdentity.generate();
  const server = net.createServer((socket) => {
    let inside = false;
    const { login, greeting, talk } = options.hostile?.() === false ? { login: undefined, greeting: undefined, talk: options.otherwise } : options;
    const transport: Transport = new Transport(
      { kind: 'server', hostKey: hostKeyOf(identity) },
      {
        write: (bytes) => void socket.write(bytes),
        ready: () => undefined,
        disconnected: () => socket.end(),
        payload: (payload) => {
          const send = (reply: Buffer): void => transport.send(reply);
          if (payload[0] === MESSAGE.serviceRequest) send(message(MESSAGE.serviceAccept, string('ssh-userauth')));
          else if (inside) talk?.(payload, send, socket);
          else {
            const reader = new WireReader(payload, 1);
            const method = payload[0] === MESSAGE.authRequest ? ([reader.name(), reader.name(), reader.name()][2] ?? '') : 'more';
            const watched = (reply: Buffer): void => {
              if (reply[0] === MESSAGE.authSuccess) {
                inside = true;
                transport.loggedIn();
              }
              send(reply);
            };
            if (login === undefined) watched(message(MESSAGE.authSuccess));
            else login(method, payload, watched);
          }
        },
      },
    );
    socket.on('error', () => socket.destroy());
    if (greeting !== undefined) socket.write(greeting);
    transport.start();
    socket.on('data', (chunk: Buffer) => {
      try {
        transport.feed(chunk);
      } catch {
        // The gateway hung up on it, which is what is looked for.
        socket.destroy();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as net.AddressInfo).port, hostKey: serverIdentity.describe(identity), close: () => void server.close() };
}

/** In one write, in one write for each byte, or in one for each message. */
export type Cut = 'together' | 'bytewise' | 'apart';

/** A client that is let in and then says only what the test says. */
export class ScriptedClient {
  /** Everything heard since it was let in, in order. */
  readonly heard: Buffer[] = [];
  /** Answers questions whether it is still there. */
  answers = true;
  /** What comes is thrown away. */
  deaf = false;
  closed = false;
  /** What the gateway said when it ended the connection. */
  farewell: string | null = null;
  readonly #socket: net.Socket;
  readonly #transport: Transport;
  #written: Buffer[] = [];
  #inside = false;
  #changed: () => void = () => undefined;

  private constructor(socket: net.Socket, token: string) {
    this.#socket = socket;
    socket.setNoDelay(true);
    let loggingIn = true;
    this.#transport = new Transport(
      { kind: 'client', algorithms: HOST_KEYS, proof: (shown) => shown },
      {
        write: (bytes) => void (loggingIn ? socket.write(bytes) : this.#written.push(Buffer.from(bytes))),
        ready: () => this.#transport.send(message(MESSAGE.serviceRequest, string('ssh-userauth'))),
        disconnected: (reason, text) => {
          this.farewell = `${reason}: ${text}`;
          socket.end();
        },
        payload: (payload) => {
          if (payload[0] === MESSAGE.serviceAccept)
            this.#transport.send(message(MESSAGE.authRequest, string('web-1'), string('ssh-connection'), string('password'), boolean(false), string(token)));
          else if (payload[0] === MESSAGE.authSuccess) {
            loggingIn = false;
            this.#inside = true;
            this.#transport.loggedIn();
          } else if (payload[0] === MESSAGE.globalRequest) {
            if (this.answers) this.sends([message(MESSAGE.requestFailure)]).catch(() => socket.destroy());
          } else if (this.#inside) this.heard.push(Buffer.from(payload));
          this.#changed();
        },
      },
    );
    socket.on('data', (chunk: Buffer) => {
      if (!this.closed && !this.deaf) this.#transport.feed(chunk);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.closed = true;
      this.#changed();
    });
  }

  static async login(port: number, token = 'token-ann'): Promise<ScriptedClient> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new ScriptedClient(socket, token);
    client.#transport.start();
    await client.until(() => client.#inside);
    return client;
  }

  async sends(messages: readonly Buffer[], cut: Cut = 'together'): Promise<void> {
    const packets = messages.map((each) => {
      this.#transport.send(each);
      return Buffer.concat(this.#written.splice(0));
    });
    const pieces = cut === 'apart' ? packets : [Buffer.concat(packets)];
    for (const piece of pieces) {
      if (cut === 'bytewise') for (const byte of piece) await this.#write(Buffer.from([byte]));
      else await this.#write(piece);
    }
  }

  /** While it is on, nothing is read; what comes stays in the kernel, as far as that takes it. */
  set reads(on: boolean) {
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  /** Sends `message` again and again in the background; gives how often the kernel took it so far. */
  repeats(payload: Buffer, times: number): () => number {
    let taken = 0;
    const more = (): void => {
      const step = Math.min(1_000, times - taken);
      this.#transport.gathering = true;
      for (let each = 0; each < step; each++) this.#transport.send(payload);
      this.#transport.gathering = false;
      this.#socket.write(Buffer.concat(this.#written.splice(0)), () => {
        taken += step;
        if (taken < times) setImmediate(more);
      });
    };
    more();
    return () => taken;
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#socket.write(bytes);
    // The gateway, in this process, reads it before there is more.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Waits until `holds`, which is looked at whenever something was heard. @throws Error when the connection ended before */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closed) throw new Error('the gateway closed the connection');
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  /** Waits for the end. Gives what the gateway said. */
  async ended(): Promise<string | null> {
    while (!this.closed)
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    return this.farewell;
  }

  end(): void {
    this.#socket.destroy();
  }
}
