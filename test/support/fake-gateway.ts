/**
 * A server that speaks the gateway's side of the contract (HTTP API and `gw-tunnel/1` on one TLS port) for tests of the CLI. Behind the
 * tunnel is a line protocol: the client first says `SECRET x`, then each line comes back in capitals. What it saw is kept for asserts.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type {
  ApprovalInfo,
  LoginInfo,
  SessionDetail,
  SessionSummary,
  SubjectRecord,
  TargetInfo,
  TunnelHello,
  TunnelReply,
  WhoAmI,
} from '../../src/contract/api-types.js';
import { GwError } from '../../src/contract/gw-error.js';
import type { FoundOperation } from '../../src/contract/operation-index.js';
import { decodeFrame, encodeFrame, TUNNEL_ALPN } from '../../src/tunnel/frame.js';
import type { ServerCertificate } from './test-authority.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
  readonly body: unknown;
}

export interface FakeGatewayOptions {
  readonly certificate: ServerCertificate;
  readonly port?: number;
  readonly login?: Partial<LoginInfo>;
  /** Who a token is, or why not. By default any token is alice's. */
  verify?(token: string): WhoAmI | GwError | Promise<WhoAmI | GwError>;
  readonly targets?: readonly TargetInfo[];
  readonly sessions?: readonly SessionSummary[];
  readonly users?: readonly SubjectRecord[];
  readonly approvals?: () => readonly ApprovalInfo[];
  readonly detail?: SessionDetail | (() => SessionDetail);
  readonly operations?: readonly FoundOperation[];
  /** What an export of a session gives, by its format. */
  exported?(format: string): string;
  /** Answer to a hello; by default yes. */
  tunnel?(hello: TunnelHello): TunnelReply;
  /** Takes over an accepted tunnel; by default the line protocol. */
  serve?(socket: TLSSocket, hello: TunnelHello): void;
  /** Looks at a request first; true: answered. */
  intercept?(request: IncomingMessage, response: ServerResponse): boolean;
}

export interface FakeGateway {
  readonly port: number;
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  readonly hellos: readonly TunnelHello[];
  readonly tunnels: ReadonlySet<TLSSocket>;
  /** Whether each tunnel's TLS session was resumed, in order. */
  readonly resumed: readonly boolean[];
  close(): Promise<void>;
}

export function person(name: string, expiresAt: number = Date.now() + 3_600_000): WhoAmI {
  return {
    issuer: 'https://issuer.test',
    subject: `sub-${name}`,
    kind: 'person',
    name,
    email: `${name}@bank.test`,
    groups: ['engineers'],
    onBehalfOf: null,
    expiresAt: new Date(expiresAt).toISOString(),
    roles: [],
  };
}

export function approvalInfo(change: Partial<ApprovalInfo> = {}): ApprovalInfo {
  return {
    id: 'apr_1',
    kind: 'operation',
    state: 'pending',
    requester: { issuer: 'https://issuer.test', subject: 'sub-alice', kind: 'person', name: 'alice', email: 'alice@bank.test' },
    onBehalfOf: null,
    target: 'bank-db',
    protocol: 'line',
    scope: 'bank',
    digest: 'sha256:shown',
    policy: 'sha256:policy',
    rule: 'bank/writes',
    reasons: ['writes to the ledger ask'],
    groups: ['dba'],
    tier: 'high',
    confirmTarget: false,
    missing: [{ rule: 'bank/writes', groups: ['dba'], people: 1 }],
    operation: {
      redacted: null,
      form: 'query',
      parameters: [{ type: '23', form: 'text', value: '42' }],
      summary: 'deletes from ledger.entries',
      actions: ['delete'],
      resources: ['delete relation ledger.entries'],
      unknown: [],
      language: 'sql',
      text: "delete from ledger.entries where id = $1 -- not 'all'",
      cut: false,
    },
    hidden: false,
    estimate: { rows: 3, exactRows: null, cost: 12.5, note: 'ModifyTable on entries' },
    reason: 'TICKET-7',
    ticket: 'T-1',
    session: 'ses_bank-db',
    waiting: true,
    createdAt: new Date().toISOString(),
    expiresAt: new Date(Date.now() + 600_000).toISOString(),
    grantSeconds: null,
    activeUntil: null,
    votes: [],
    ended: null,
    used: null,
    review: null,
    mine: false,
    decidable: true,
    ...change,
  };
}

export function lineTarget(name: string, change: Partial<TargetInfo> = {}): TargetInfo {
  return {
    name,
    protocol: 'line',
    title: 'Line protocol',
    description: `the target ${name}`,
    labels: {},
    reachable: true,
    approval: null,
    rule: 'base/connect',
    reasons: [],
    serverKey: null,
    database: null,
    native: null,
    client: {
      command: 'gwt-client',
      args: ['--target', '{target}'],
      env: { GWT_HOST: '{host}', GWT_PORT: '{port}', GWT_SECRET: '{secret}', GWT_NAME: '{database}', GWT_ELSEWHERE: '' },
      url: 'line://{target}:{secret}@{host}:{port}/{database}',
      install: ['Debian: apt install gwt-client'],
    },
    ...change,
  };
}

function serveLines(socket: TLSSocket, hello: TunnelHello): void {
  let text = '';
  let open = false;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      if (!open) {
        open = line === `SECRET ${hello.secret}`;
        if (!open) return void socket.end('wrong secret\n');
        socket.write('welcome\n');
      } else socket.write(`${line.toUpperCase()}\n`);
    }
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => socket.destroy());
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? null : JSON.parse(text);
}

export async function startFakeGateway(options: FakeGatewayOptions): Promise<FakeGateway> {
  const requests: SeenRequest[] = [];
  const hellos: TunnelHello[] = [];
  const resumed: boolean[] = [];
  const tunnels = new Set<TLSSocket>();
  const sockets = new Set<Socket>();
  const verify = options.verify ?? (() => person('alice'));

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const send = (status: number, body: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (options.intercept?.(request, response) === true) return;
    const url = new URL(request.url ?? '/', 'https://gateway');
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? null;
    const seen = { method: request.method ?? '', path: url.pathname + url.search, token, body: await bodyOf(request) };
    requests.push(seen);
    if (url.pathname === '/healthz' || url.pathname === '/readyz') return send(200, { ready: true, checks: {} });
    if (url.pathname === '/api/v1/login') {
      return send(200, {
        gateway: `https://localhost:${port}`,
        version: '0.1.0',
        issuer: 'https://issuer.test',
        clientId: 'gw-cli',
        scopes: ['openid', 'offline_access'],
        audience: 'gw-cli',
        ...options.login,
      });
    }
    const fail = (error: GwError): void => send(error.entry.http, error.toBody('req_1'));
    if (token === null) return fail(new GwError('login.required', 'The request carries no bearer token.'));
    const who = await verify(token);
    if (who instanceof GwError) return fail(who);
    const [, , , resource, id, act] = url.pathname.split('/');
    if (resource === 'whoami') return send(200, who);
    if (resource === 'targets') return send(200, { targets: options.targets ?? [] });
    if (resource === 'users' && id === undefined) return send(200, { users: options.users ?? [] });
    if (resource === 'users') return send(200, { ...(seen.body as object), locked: id === 'lock' });
    const since = url.searchParams.get('since');
    // A list that is waited on comes back when it differs.
    for (let round = 0; since !== null && round < 40 && since === String(options.approvals?.().length ?? 0); round++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const approvals = options.approvals?.() ?? [];
    if ((resource === 'requests' || resource === 'grants') && seen.method === 'GET' && id === undefined)
      return send(200, { requests: approvals, next: null, state: `${approvals.length}` });
    const approval = approvals.find((each) => each.id === id);
    if (resource === 'requests' && id === undefined) return send(200, approvals[0] ?? {});
    if ((resource === 'requests' || resource === 'grants') && approval !== undefined) {
      if (act === 'approve' && approval.confirmTarget && (seen.body as { target: unknown }).target !== approval.target)
        return fail(new GwError('approval.confirm', 'The name of the target is missing.'));
      return send(200, act === undefined ? approval : { ...approval, state: act === 'approve' ? 'approved' : act === 'deny' ? 'denied' : 'cancelled' });
    }
    if (resource === 'requests') return fail(new GwError('approval.unknown', 'There is no such request.'));
    if (resource === 'sessions' && id === undefined) return send(200, { sessions: options.sessions ?? [], next: null });
    if (resource === 'sessions' && act === 'kill') return send(200, { session: id, state: 'ending' });
    if (resource === 'sessions' && act === 'renew') return send(200, { session: id, expiresAt: who.expiresAt });
    if (resource === 'holds' && seen.method === 'POST') return send(200, { id: 'hld_1', ...(seen.body as object) });
    if (resource === 'operations') return send(200, { operations: options.operations ?? [], next: '2026~ses_1~1' });
    if (resource === 'sessions' && (act === 'export' || act === 'watch') && options.exported !== undefined)
      return void response.writeHead(200, { 'content-type': 'text/plain' }).end(options.exported(url.searchParams.get('format') ?? ''));
    if (resource === 'sessions' && options.detail !== undefined) return send(200, typeof options.detail === 'function' ? options.detail() : options.detail);
    return fail(new GwError('session.unknown', `There is no session ${id ?? ''}.`));
  };

  const http = createHttpServer((request, response) => void answer(request, response));
  const server = createTlsServer({ ...options.certificate, ALPNProtocols: [TUNNEL_ALPN, 'http/1.1'], allowHalfOpen: true } as Parameters<
    typeof createTlsServer
  >[0]);
  // Raw sockets: one that never ends its handshake must not keep the server open either.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol !== TUNNEL_ALPN) return void http.emit('connection', socket);
    resumed.push(socket.isSessionReused());
    tunnels.add(socket);
    socket.once('close', () => tunnels.delete(socket));
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const frame = decodeFrame(head);
      if (frame === null) return;
      socket.off('data', onData);
      const hello = frame.value as unknown as TunnelHello;
      hellos.push(hello);
      const reply = options.tunnel?.(hello) ?? { ok: true, session: `ses_${hellos.length}` };
      socket.write(encodeFrame(reply));
      if (!reply.ok) return void socket.end();
      socket.pause();
      if (frame.rest.length > 0) socket.unshift(frame.rest);
      (options.serve ?? serveLines)(socket, hello);
      socket.resume();
    };
    socket.on('data', onData);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    url: `https://localhost:${port}`,
    requests,
    hellos,
    tunnels,
    resumed,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
