/**
 * A server that speaks just enough of the protocol to be logged in to, and after that says whatever a test wants: the hostile or silent
 * target. It keeps every byte that reached it.
 */
import { once } from 'node:events';
import * as net from 'node:net';
import { frame, int32, type Reply } from '../../../support/raw-client.js';

const ok = (): Buffer => frame('R', int32(0));
export const status = (name: string, value: string): Buffer => frame('S', `${name}\0${value}\0`);
export const ready = (state = 'I'): Buffer => frame('Z', state);
export const complete = (tag: string): Buffer => frame('C', `${tag}\0`);
export const errorMessage = (severity: string, sqlstate: string, text: string): Buffer => frame('E', `S${severity}\0V${severity}\0C${sqlstate}\0M${text}\0\0`);
export const dataRow = (text: string): Buffer => frame('D', Buffer.from([0, 1]), int32(Buffer.byteLength(text)), text);
/** One column `v` of type text. */
export const rowDescription = (): Buffer =>
  frame('T', Buffer.from([0, 1]), 'v\0', int32(0), Buffer.from([0, 0]), int32(25), Buffer.from([0xff, 0xff]), int32(-1), Buffer.from([0, 0]));
export const greeting = (): Buffer =>
  Buffer.concat([ok(), status('client_encoding', 'UTF8'), status('standard_conforming_strings', 'on'), frame('K', int32(4242), int32(99)), ready()]);

export interface StubConnection {
  readonly socket: net.Socket;
  /** Typed messages that came after the startup packet. */
  readonly messages: Reply[];
  /** Every byte that came, the startup packet included. */
  readonly bytes: () => Buffer;
}

export interface StubOptions {
  /** Answers the startup packet; default: AuthenticationOk and a plain greeting. */
  readonly onStartup?: (connection: StubConnection) => void;
  readonly onMessage?: (connection: StubConnection, message: Reply) => void;
  /** Instead of the above: raw bytes as they come. */
  readonly onBytes?: (connection: StubConnection, chunk: Buffer) => void;
  readonly onConnect?: (connection: StubConnection) => void;
  /** Never closes its side. */
  readonly clings?: boolean;
}

export interface StubServer extends AsyncDisposable {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly connections: StubConnection[];
  /** Connections that are open now. */
  open(): number;
}

export async function startStubServer(options: StubOptions = {}): Promise<StubServer> {
  const connections: StubConnection[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true, allowHalfOpen: options.clings === true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const chunks: Buffer[] = [];
    const messages: Reply[] = [];
    const connection: StubConnection = { socket, messages, bytes: () => Buffer.concat(chunks) };
    connections.push(connection);
    options.onConnect?.(connection);
    let started = false;
    let buffer: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      // It has no catalog, and what asks for one is no session.
      if (chunks.length === 0 && chunk.includes('gw catalog')) {
        connections.splice(connections.indexOf(connection), 1);
        socket.end(errorMessage('FATAL', '53300', 'no more connections'));
        return;
      }
      if (chunks.length < 10_000) chunks.push(chunk);
      if (options.onBytes !== undefined) {
        options.onBytes(connection, chunk);
        return;
      }
      buffer = Buffer.concat([buffer, chunk]);
      if (!started) {
        if (buffer.length < 4 || buffer.length < buffer.readUInt32BE(0)) return;
        // A cancel request is no startup: the key decides, nothing is answered.
        if (buffer.readUInt32BE(4) === 80_877_102) return;
        buffer = buffer.subarray(buffer.readUInt32BE(0));
        started = true;
        if (options.onStartup === undefined) socket.write(greeting());
        else options.onStartup(connection);
      }
      while (buffer.length >= 5 && buffer.length >= 1 + buffer.readUInt32BE(1)) {
        const length = buffer.readUInt32BE(1);
        const message = { type: String.fromCharCode(buffer[0] ?? 0), body: Buffer.from(buffer.subarray(5, 1 + length)) };
        buffer = buffer.subarray(1 + length);
        messages.push(message);
        options.onMessage?.(connection, message);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    username: 'stub',
    password: 'stub-password',
    database: 'stub',
    connections,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Resolves when `condition` holds; the test's own limit is the deadline. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
