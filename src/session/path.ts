/**
 * THE PATH, top to bottom: accept → authenticate → authorize → open → pump (guard.check, guard.deliver) → close. Every way in, native port
 * or tunnel, runs through `#serve`; the proof types make a skipped stage a compile error.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { newId } from '../base/id.js';
import type { Secret } from '../base/secret.js';
import type { AbandonReason, ApprovalRecord } from '../contract/approval.js';
import { authenticationOf } from '../contract/authentication.js';
import type { CarriedIdentity } from '../contract/carried-identity.js';
import { GwError } from '../contract/gw-error.js';
import type { Assurance } from '../contract/operation.js';
import type { ClientNotice, PreferredAuth, Protocol } from '../contract/protocol.js';
import type { SessionEnd, SessionStart } from '../contract/recording.js';
import type { Authenticated, Grant } from '../contract/verdict.js';
import { encodeFrame } from '../tunnel/frame.js';
import { Accept, type Conn, type Incoming } from './accept.js';
import { authenticate, checkLocalSecret } from './authenticate.js';
import { AwaitedGrant, accountOf, authorize, foreignAccount, requireRecording } from './authorize.js';
import { CancelRequests, cancelAtTarget, cancelHere } from './cancel.js';
import { closeSession } from './close.js';
import { askToConnect, watchClient } from './connect-approval.js';
import { endSoftly } from './end-softly.js';
import { estimateOperation } from './estimate.js';
import { SessionGuard } from './guard.js';
import type { AskingTerms, HoldOptions } from './hold.js';
import { takeIn } from './intake.js';
import { type LiveSession, LiveSessions } from './live-sessions.js';
import { LoginThrottle } from './login-throttle.js';
import { type OpenTarget, openTarget } from './open.js';
import type { PathServices } from './path-services.js';
import { type EndReason, Pump } from './pump.js';
import { RefusedLogins } from './refused-logins.js';
import { onSideConnection } from './side-connection.js';
import { Survey } from './survey.js';
import { Sweep } from './sweep.js';
import { type CatalogSeat, NO_CATALOG, TargetCatalogs } from './target-catalogs.js';
import { readTunnelHello } from './tunnel-hello.js';
import { Turn } from './turn.js';

export interface NativeOptions {
  /** Take tokens over plain connections of this machine (loopback). */
  readonly plaintextLoopback: boolean;
  /** How clients of this port are asked for a token when they do not say it themselves. Default: `password`. */
  readonly preferredAuth?: PreferredAuth;
}

interface Tunnelled {
  readonly authenticated: Authenticated;
  readonly target: string;
  readonly secret: Secret;
  readonly client: string;
  readonly terms: AskingTerms;
  readonly recording: string | null;
}

/** How long a client that is not let in may take to read why. */
const GOODBYE_MS = 2_000;

/** A client without the CLI says nothing about how it wants to be asked for: it waits as long as the request does. */
const NATIVE_TERMS: AskingTerms = { reason: null, ticket: null, waitMs: null, breakGlass: false };

/** What is known of a session before it is opened. */
interface About {
  readonly session: string;
  readonly client: string | null;
  readonly terms: AskingTerms;
  /** Recording that the client makes of its side. */
  readonly recording: string | null;
  readonly connected: ApprovalRecord | null;
}

type OpenedTunnel = Tunnelled & { readonly session: string; readonly grant: Grant | AwaitedGrant; readonly connected: ApprovalRecord | null };

export class Path {
  readonly live = new LiveSessions();
  readonly survey: Survey;
  /** Plain counters, read when metrics are scraped. */
  readonly counters: Record<string, number> = {
    connections: 0,
    sessions: 0,
    loginFailures: 0,
    throttledLogins: 0,
    refusedConnections: 0,
    handshakeFailures: 0,
    cancels: 0,
  };
  readonly #services: PathServices;
  readonly #accept: Accept;
  readonly #throttle: LoginThrottle;
  readonly #refused: RefusedLogins;
  readonly #turn: Turn;
  readonly #sweep: Sweep;
  readonly #cancels: CancelRequests;
  readonly #catalogs: TargetCatalogs;
  #draining = false;
  /** Sessions that wait for their target, or for people. */
  #opening = 0;
  /** Those that wait for people. */
  readonly #asking = new Set<AbortController>();

  constructor(services: PathServices) {
    this.#services = services;
    this.#accept = new Accept(services);
    this.#throttle = new LoginThrottle(services.limits.loginFailuresPerMinute, services.clock);
    this.#refused = new RefusedLogins(services);
    this.#turn = new Turn(services.journal);
    this.#sweep = new Sweep(this.live, services);
    this.#catalogs = new TargetCatalogs(services);
    this.#cancels = new CancelRequests(this.live, services);
    this.survey = new Survey(services, this.#throttle, this.#catalogs);
    services.bus.subscribe((event) => {
      if (event.kind === 'session.kill') this.live.kill(event.session, event.by, event.reason);
      else if (event.kind === 'subject.locked') this.live.revokeSubject(event.issuer, event.subject, lockedError(event.by));
      else if (event.kind === 'session.renew') this.#renewed(event.session, event.identity);
      else if (event.kind === 'approval.changed') this.#grantChanged(event.request);
    });
  }

  /** Connections that have not logged in. */
  get preLogin(): number {
    return this.#accept.count;
  }

  /** A connection on a native port. Never throws; a failure ends this connection alone. */
  acceptNative(kind: string, socket: Socket, options: NativeOptions): void {
    const protocol = this.#services.protocols.get(kind);
    const address = socket.remoteAddress ?? 'unknown';
    const secure = options.plaintextLoopback && isLoopback(address);
    if (protocol === undefined) {
      socket.destroy();
      return;
    }
    const { socket: stream, intake } = takeIn(socket);
    this.#begin(
      {
        stream,
        intake,
        address,
        via: 'native',
        secure,
        preferredAuth: options.preferredAuth ?? 'password',
        serverIdentity: this.#identityOf(kind),
        clientAuthority: this.#services.authorities.get(kind)?.clients ?? null,
      },
      (conn) => this.#serve(conn, protocol, null),
    );
  }

  /** A connection with ALPN gw-tunnel/1 on the TLS port. Never throws. */
  acceptTunnel(socket: TLSSocket): void {
    const address = socket.remoteAddress ?? 'unknown';
    this.#begin(
      { stream: socket, intake: null, address, via: 'tunnel', secure: true, preferredAuth: 'password', serverIdentity: null, clientAuthority: null },
      (conn) => this.#serveTunnel(conn),
    );
  }

  #identityOf(kind: string): Secret | null {
    return this.#services.serverIdentities.get(kind) ?? null;
  }

  #begin(incoming: Incoming, serve: (conn: Conn) => Promise<void>): void {
    this.#count('connections');
    const { stream } = incoming;
    stream.on('error', () => stream.destroy());
    let conn: Conn;
    try {
      conn = this.#accept.accept(incoming);
    } catch {
      // Over the limits: not a word, the slot is what is short.
      this.#count('refusedConnections');
      stream.destroy();
      return;
    }
    serve(conn).catch((thrown: unknown) => {
      const error = GwError.from(thrown);
      this.#count('handshakeFailures');
      this.#services.logger[error.code === 'internal.error' ? 'error' : 'debug'](
        { address: conn.address, error: error.code, err: error },
        'connection ended before a session',
      );
      conn.settle();
      conn.reader.detach();
      endSoftly(conn.reader.stream, GOODBYE_MS);
    });
  }

  async #serveTunnel(conn: Conn): Promise<void> {
    let grant: Grant | AwaitedGrant;
    let tunnelled: Tunnelled;
    let connected: ApprovalRecord | null = null;
    const session = newId('ses', this.#services.clock.now());
    try {
      const hello = await readTunnelHello(conn);
      const authenticated = await authenticate({ kind: 'token', token: hello.token }, conn.address, this.#services, this.#throttle);
      grant = authorize(authenticated, hello.target, hello.account, null, this.#services.targets, this.#services.policy);
      await requireRecording(grant, hello.recording, this.#services.clientRecordings);
      const { target, secret, client, terms, recording } = hello;
      tunnelled = { authenticated, target, secret, client, terms, recording };
      // Who does not wait is told at once, before the native client starts to talk.
      if (grant instanceof AwaitedGrant && hello.terms.waitMs === 0)
        ({ grant, connected } = await askToConnect(
          { awaited: grant, session, terms: hello.terms, say: null, signal: new AbortController().signal },
          this.#services,
        ));
    } catch (thrown) {
      const error = GwError.from(thrown);
      this.#refusedLogin(conn, error);
      conn.write(encodeFrame({ ok: false, code: error.code, message: error.message, hint: error.hint }));
      throw error;
    }
    const protocol = this.#services.protocols.get(grant.target.protocol);
    if (protocol === undefined) throw new GwError('internal.error', 'A target speaks a protocol that is not registered.');
    conn.write(encodeFrame({ ok: true, session }));
    conn.target = grant.target.name;
    conn.serverIdentity = this.#identityOf(protocol.kind);
    await this.#serve(conn, protocol, { ...tunnelled, session, grant, connected });
  }

  async #serve(conn: Conn, protocol: Protocol, tunnel: OpenedTunnel | null): Promise<void> {
    const services = this.#services;
    const request = await protocol.login(conn);
    if (request.kind === 'cancel') {
      this.#count('cancels');
      await this.#cancels.serve(request.key);
    }
    if (request.kind !== 'session') {
      conn.settle();
      conn.reader.detach();
      endSoftly(conn.reader.stream, GOODBYE_MS);
      return;
    }
    try {
      let grant: Grant | AwaitedGrant;
      if (tunnel === null) {
        const authenticated = await authenticate(request.credential, conn.address, services, this.#throttle);
        grant = authorize(authenticated, request.target, request.account, protocol.kind, services.targets, services.policy);
        await requireRecording(grant, null, services.clientRecordings);
      } else {
        checkLocalSecret(request.credential, tunnel.secret);
        grant = tunnel.grant;
      }
      if (this.live.count() + this.#opening >= services.limits.maxSessions)
        throw new GwError('session.limit', `This gateway process carries its limit of ${services.limits.maxSessions} sessions.`);
      if (this.#draining) throw new GwError('gateway.draining', 'The gateway is shutting down.');
      const client = tunnel === null ? request.client : [tunnel.client, request.client].filter((part) => part !== null && part !== '').join(' · ');
      const session = tunnel?.session ?? newId('ses', services.clock.now());
      const terms = tunnel?.terms ?? NATIVE_TERMS;
      // The login is over: people and the target have deadlines of their own, and the client hears how that went.
      conn.settle();
      this.#opening++;
      try {
        const admitted =
          grant instanceof AwaitedGrant ? await this.#ask(conn, grant, session, terms, request.waiting) : { grant, connected: tunnel?.connected ?? null };
        await this.#open(conn, protocol, admitted.grant, request.startup, {
          session,
          client,
          terms,
          recording: tunnel?.recording ?? null,
          connected: admitted.connected,
        });
      } finally {
        this.#opening--;
      }
    } catch (thrown) {
      const error = GwError.from(thrown);
      this.#refusedLogin(conn, error);
      request.deny(error);
      throw error;
    }
  }

  async #ask(conn: Conn, awaited: AwaitedGrant, session: string, terms: AskingTerms, say: (notice: ClientNotice) => void) {
    const abort = new AbortController();
    this.#asking.add(abort);
    const stop = watchClient(conn, abort);
    try {
      return await askToConnect({ awaited, session, terms, say, signal: abort.signal }, this.#services);
    } finally {
      stop();
      this.#asking.delete(abort);
    }
  }

  async #open(conn: Conn, protocol: Protocol, grant: Grant, startup: unknown, about: About): Promise<void> {
    const services = this.#services;
    const { readOnly } = services.policy.current().view(grant.identity, grant.target);
    const start = sessionStart(services, conn, grant, about, readOnly, protocol.descriptor.assurance);
    const recorder = services.journal.begin(start);
    try {
      services.journal.commit();
    } catch (thrown) {
      recorder.end(unopened(services.clock.now(), 'recording', GwError.from(thrown)));
      throw thrown;
    }
    // The disk and the target are waited for at the same time; both before the first byte of the client goes up.
    const abort = new AbortController();
    const durable = services.journal.synced();
    durable.catch(() => abort.abort());
    // Nobody waits for the target of a client that left.
    const left = (): void => abort.abort();
    conn.stream.once('close', left);
    let opened: OpenTarget | null = null;
    let catalog: CatalogSeat = NO_CATALOG;
    let pump: Pump;
    const { target } = grant;
    let scope: string | null = null;
    const { approvals } = services;
    const say = (notice: ClientNotice): void => pump.say(notice);
    const hold: HoldOptions | null =
      approvals === null || protocol.approvals === null
        ? null
        : {
            ...about.terms,
            door: approvals,
            session: about.session,
            target,
            account: foreignAccount(grant),
            get scope() {
              return scope;
            },
            language: protocol.descriptor.recording,
            assurance: protocol.descriptor.assurance,
            parameters: protocol.approvals.parameters,
            estimate: (operation) => estimateOperation(grant, protocol, scope, operation, services),
            say,
          };
    const guard = new SessionGuard({
      identity: grant.identity,
      target,
      account: accountOf(grant),
      policy: services.policy,
      reasoned: about.terms.reason !== null && about.terms.reason !== '',
      masking: (view) => services.masking(view),
      recorder,
      clock: services.clock,
      hold,
      connected: about.connected,
      say,
      readOnly,
    });
    services.sessions.started(start, services.journalId);
    try {
      const upstream = (opened = await openTarget(grant, protocol, startup, readOnly, `${about.session} ${grant.identity.name}`, services, abort.signal));
      scope = upstream.ready.scope;
      catalog = await this.#catalogs.join(grant, protocol, scope, upstream.username);
      const { inherit } = catalog;
      await durable;
      conn.stream.off('close', left);
      if (this.#draining) throw new GwError('gateway.draining', 'The gateway is shutting down.');
      const clientRest = conn.reader.detach();
      pump = new Pump({
        target: grant.target,
        protocol,
        client: conn.stream,
        clientIntake: conn.reader.intake,
        upstream,
        startup,
        guard,
        catalog,
        inheritTags: inherit === null ? null : (tags) => inherit({ session: about.session, subject: grant.identity.name }, tags),
        beside: (limitMs, work) => {
          if (protocol.masking === null) throw new GwError('internal.error', 'A protocol that masks nothing asked for a connection beside the session.');
          return onSideConnection(grant, protocol, protocol.masking.startup(scope), services, limitMs, work);
        },
        readOnly,
        recorder,
        turn: this.#turn,
        statementLimit: services.limits.statementBytes,
        registerCancelKey: (key) => this.live.registerCancelKey(about.session, key),
        cancelTarget: () => cancelAtTarget(session, services),
        onEnd: (reason, error) => {
          catalog.leave();
          // What runs at the target does not outlive the right to run it.
          if (error !== null && reason !== 'target') cancelHere(about.session, this.live, services);
          closeSession(session, recorder, reason, error, this.live, services);
        },
      });
      const now = services.clock.monotonic();
      const session: LiveSession = { start, identity: grant.identity, guard, pump, openedAt: now, lastActivity: now, seenActivity: 0 };
      this.live.add(session);
      this.#count('sessions');
      services.logger.info(
        { session: about.session, target: grant.target.name, subject: grant.identity.subject, via: conn.via, address: conn.address },
        'session started',
      );
      pump.start(clientRest);
      guard.warn(grant.decision);
    } catch (thrown) {
      const error = GwError.from(thrown);
      opened?.stream.destroy();
      catalog.leave();
      const end = unopened(services.clock.now(), 'target', error);
      recorder.end(end);
      services.sessions.ended(about.session, end);
      services.logger.warn({ session: about.session, target: grant.target.name, error: error.code, err: error }, 'session could not be opened');
      services.journal.commit();
      throw error;
    }
  }

  #refusedLogin(conn: Conn, error: GwError): void {
    if (error.code === 'login.throttled') this.#count('throttledLogins');
    else if (error.entry.kind === 'login' || error.entry.kind === 'denied' || error.code === 'target.unknown') this.#count('loginFailures');
    else return;
    this.#refused.note(conn.address, conn.via, error);
  }

  /** People changed something that live sessions may rest on. */
  #grantChanged(request: string): void {
    const resting = this.live.list().filter(({ guard }) => guard.grants.has(request));
    if (resting.length === 0) return;
    this.#sweep.lookAtGrants(resting).catch((cause: unknown) => this.#services.logger.error({ cause }, 'grants could not be looked up; it is tried again'));
  }

  /** Another process verified a fresh token for a session that may be here. */
  #renewed(session: string, identity: CarriedIdentity): void {
    try {
      this.live.renewCarried(session, identity);
    } catch (thrown) {
      const error = GwError.from(thrown);
      this.#services.logger.warn({ session, error: error.code, message: error.message }, 'a session was not renewed');
    }
  }

  #count(name: string): void {
    this.counters[name] = (this.counters[name] ?? 0) + 1;
  }

  /** No new session; those that live may end by themselves until `deadlineMs` from now, then they are ended. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#accept.drain();
    for (const abort of this.#asking) abort.abort({ kind: 'detached', why: 'the gateway stops' } satisfies AbandonReason);
    const deadline = this.#services.clock.monotonic() + deadlineMs;
    while (this.live.count() > 0 && this.#services.clock.monotonic() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const session of this.live.list()) session.pump.terminate('drain', new GwError('gateway.draining', 'The gateway is shutting down.'));
    await new Promise((resolve) => setImmediate(resolve));
    this.#sweep.stop();
    this.#refused.stop();
    this.#catalogs.stop();
    await this.#services.sessions.flush();
  }
}

export function createPath(services: PathServices): Path {
  return new Path(services);
}

function sessionStart(services: PathServices, conn: Conn, grant: Grant, about: About, readOnly: boolean, assurance: Assurance): SessionStart {
  const { identity, target, decision } = grant;
  return {
    session: about.session,
    startedAt: services.clock.now(),
    gateway: services.gateway,
    identity: {
      issuer: identity.issuer,
      subject: identity.subject,
      kind: identity.kind,
      name: identity.name,
      email: identity.email,
      groups: identity.groups,
      onBehalfOf: identity.onBehalfOf,
      ...authenticationOf(identity.claims),
    },
    target: target.name,
    protocol: target.protocol,
    via: conn.via,
    clientAddress: conn.address,
    reason: about.terms.reason,
    client: about.client,
    ...(readOnly ? { readOnly } : {}),
    ...(about.recording === null ? {} : { recording: about.recording }),
    ...(decision.account === undefined ? {} : { account: decision.account }),
    assurance,
    decision,
  };
}

function lockedError(by: string): GwError {
  return new GwError('login.locked', `This identity was locked by ${by}.`);
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

/** The end of a session in which nothing was done. */
function unopened(endedAt: number, reason: EndReason, { message }: GwError): SessionEnd {
  return { endedAt, reason, message, operations: 0, refused: 0, rows: 0, bytesUp: 0, bytesDown: 0 };
}
