/**
 * The HTTP side of a witness (C2SP tlog-witness): one call, `POST /add-checkpoint`. There is no login: what counts is the signature of the log. Requests are
 * untrusted, bounded in size and time, and answered one after the other, because what a witness cosigned last must still be the last when it signs.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { ADD_CHECKPOINT_BYTES, answerAddCheckpoint, type VerifierKey, type Witness, type WitnessAnswer } from '../audit/index.js';
import { systemClock } from '../base/clock.js';
import { readLimited } from '../base/read-limited.js';
import { GwError } from '../contract/gw-error.js';
import { createHttpServer } from './http-server.js';

export interface WitnessServerOptions {
  readonly host: string;
  readonly port: number;
  /** Files with certificate and key; null: without TLS, for a proxy in front. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  readonly witness: Witness;
  /** Keys of the logs that it knows, each by the name of its log. */
  readonly logs: readonly VerifierKey[];
  /** Told of each answer. */
  readonly onAnswer: (answer: { readonly log: string; readonly status: number; readonly why: string }) => void;
}

export interface RunningWitness {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws GwError `gateway.listen` | `usage.invalid` for a certificate that cannot be used */
export async function serveWitness(options: WitnessServerOptions): Promise<RunningWitness> {
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (body: Buffer): Promise<WitnessAnswer> => {
    const answer = turn.then(() => answerAddCheckpoint(body, options.witness, options.logs, Math.floor(systemClock.now() / 1000)));
    // The next one does not care how this one ended.
    turn = answer.catch(() => undefined);
    return answer;
  };
  const http = createHttpServer((request, response) => {
    // The client left in the middle: there is nobody to answer.
    handle(request, response, inTurn, options.onAnswer).catch(() => response.destroy());
  });
  const server = await openListener(options.tls);
  server.on(options.tls === null ? 'connection' : 'secureConnection', (socket) => http.emit('connection', socket));
  server.listen(options.port, options.host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new GwError('gateway.listen', `The witness cannot listen on ${options.host}:${options.port}.`, { cause });
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `${options.tls === null ? 'http' : 'https'}://${host}:${port}`,
    close: async () => {
      server.close();
      http.closeAllConnections();
      await turn;
    },
  };
}

async function openListener(tls: WitnessServerOptions['tls']): Promise<Server> {
  if (tls === null) return createTcpServer({ noDelay: true });
  try {
    const [cert, key] = await Promise.all([readFile(tls.certificate), readFile(tls.key)]);
    return createTlsServer({ cert, key, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] });
  } catch (cause) {
    throw new GwError('usage.invalid', 'The certificate or the key of the witness cannot be used.', { cause, hint: 'Give files in PEM that belong together.' });
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (body: Buffer) => Promise<WitnessAnswer>,
  onAnswer: WitnessServerOptions['onAnswer'],
): Promise<void> {
  const send = (status: number, type: string, body: string): void => void response.writeHead(status, { 'content-type': type }).end(body);
  const text = 'text/plain; charset=utf-8';
  if (request.url !== '/add-checkpoint') return send(404, text, 'a witness has POST /add-checkpoint only\n');
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST');
    return send(405, text, 'a checkpoint is added by POST\n');
  }
  const body = await readLimited(request, ADD_CHECKPOINT_BYTES);
  if (body === null) {
    response.setHeader('connection', 'close');
    return send(413, text, `a request has at most ${ADD_CHECKPOINT_BYTES} bytes\n`);
  }
  try {
    const { status, type, body: said } = await answer(body);
    onAnswer({ log: logNamed(body), status, why: status === 200 ? 'cosigned' : said.trim() });
    send(status, type, said);
  } catch (thrown) {
    // Its own state or disk: nothing was cosigned, and that is all that a stranger has to know.
    onAnswer({ log: logNamed(body), status: 500, why: GwError.from(thrown).message });
    send(500, text, 'the witness cannot cosign at the moment\n');
  }
}

/** For the operator's eyes only. */
const logNamed = (body: Buffer): string => /\n\n([^\n]{1,200})\n/.exec(body.toString('utf8'))?.[1] ?? 'unknown';
