/**
 * What a protocol island gives, and what it is given. The path (`session/`) runs every protocol through the same stages; an island only
 * translates between its wire and the neutral values of this contract.
 */
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Secret } from '../base/secret.js';
import type { BoundParameter, ChangedRows, Estimate } from './approval.js';
import type { GwError } from './gw-error.js';
import type { DeviceLogin } from './identity.js';
import type { InheritedTag, NewInheritedTag, SeenTags } from './inherited-tags.js';
import type { ClassView, LooksLike, MaskingDoor, MaskingExplanation, SampledColumn } from './masking-policy.js';
import type { Assurance, Facts, Operation } from './operation.js';
import type { OutcomeStatus, StreamDigests } from './recording.js';
import type { Target, TargetCredential } from './target.js';
import type { Verdict } from './verdict.js';

// ------------------------------------------------------------------------------------------------ descriptor

export interface ActionDescriptor {
  readonly name: string;
  readonly description: string;
  /** Facts that effects with this action may carry. */
  readonly facts: readonly string[];
  /** It needs nothing that a target refuses on a read-only connection. Not said: it may write. */
  readonly readOnly?: true;
  /** Who needs a rule for it, because `defaults` that allow do not reach it for them. Not said: they do for everyone. */
  readonly byRule?: 'everyone' | 'agents';
}

export interface FactDescriptor {
  readonly name: string;
  readonly description: string;
  readonly type: 'string' | 'number' | 'boolean' | 'strings';
  /** All values that can occur, where they can be listed. */
  readonly values: readonly string[] | null;
}

/**
 * How `gw connect` and `gw exec` start the native client. `{host} {port} {secret} {target} {database} {serverKey}` are replaced, `{file:NAME}` by
 * the path of one of `files`, and `{keyFile}` by that of a private key.
 */
export interface ClientDescriptor {
  /** Program that `gw connect` runs, e.g. `psql`. */
  readonly command: string;
  readonly args: readonly string[];
  /** Environment that makes the protocol's clients reach the local port. */
  readonly env: Readonly<Record<string, string>>;
  /** Files that the client reads, by name: written for each command, for its user only. */
  readonly files?: Readonly<Record<string, string>>;
  /**
   * `text` (or left out): the client shows the secret of the port itself. `key`: it proves a key that was made for it (ECDSA P-256), and the secret is
   * `publickey-sha256-` with the base64url digest of its SubjectPublicKeyInfo.
   */
  readonly secret?: 'text' | 'key';
  readonly url: string;
  /** How to get the program, one line for each system. */
  readonly install: readonly string[];
}

export interface ProtocolDescriptor {
  readonly kind: string;
  readonly title: string;
  readonly defaultPort: number;
  /** `sql` | `terminal` | `http`: what a viewer of the recording needs. */
  readonly recording: string;
  /** What decisions are worth, where the fact `assurance` of an effect does not say it. */
  readonly assurance: Assurance;
  readonly actions: readonly ActionDescriptor[];
  readonly facts: readonly FactDescriptor[];
  /** Types of resources and the parts of their names, e.g. `relation: [schema, name]`. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
  /** Type of the resources whose columns or fields policy can tag as sensitive; null: this protocol masks nothing. */
  readonly tagged: string | null;
  /** It delivers text without columns: detectors look through it for the record, and for the screen where policy says so. */
  readonly searched?: true;
  /** The gateway can open a session as an account that policy names, where a target trusts its authority. */
  readonly accounts?: true;
  readonly client: ClientDescriptor;
  /** Facts for a policy `explain` or check of a single statement given as text; null when the protocol has no text form. */
  readonly factsOf: ((text: string) => Promise<Facts>) | null;
}

// ------------------------------------------------------------------------------------------------ login

/** `password`: the token in the place of a password, as any client can give it. `oauth`: by the protocol's own exchange for tokens. */
export type PreferredAuth = 'password' | 'oauth';

/** An accepted connection before login. Stage 1 built it: limits and the handshake deadline are already running. */
export interface LoginConnection {
  /** The transport as it is now. After `startTls` this is the encrypted stream. */
  readonly stream: Duplex;
  readonly via: 'native' | 'tunnel';
  /** For `tunnel`: the target named in the preamble; the protocol's own words must agree or be empty. */
  readonly target: string | null;
  /** True when the transport is already protected (TLS or tunnel); a bearer token must never be asked for in the clear. */
  readonly secure: boolean;
  /**
   * Upgrades to TLS with the gateway's certificate. `head` holds bytes of the handshake already read, or is null. Call only when no
   * plaintext beyond them was received: the caller must have refused early data (CVE-2021-23214).
   */
  startTls(head: Buffer | null, alpn: readonly string[]): Promise<TLSSocket>;
  /** How this listener asks for a token where a protocol knows several ways and the client does not name one. */
  readonly preferredAuth: PreferredAuth;
  /** For protocols with token discovery (SASL OAUTHBEARER): where the issuer describes itself, and the scope to ask for. */
  readonly discovery: { readonly openidConfiguration: string; readonly scope: string } | null;
  /** What `Protocol.serverIdentity` made, for protocols in which the gateway proves who it is by a key of its own; null for all others. */
  readonly serverIdentity: Secret | null;
  /** What `Protocol.authorities.clients` made; null where there is none, and on a tunnel. */
  readonly clientAuthority: Secret | null;
  /**
   * Begins a login that the person confirms in a browser, once at most; the deadline of the login is then its end. Null: there is none, or not here.
   * Rejects as `DeviceLogins.begin` does.
   */
  readonly deviceLogin: (() => Promise<DeviceLogin>) | null;
  /** Reads at least one byte or throws `protocol.timeout`/`protocol.violation` when the client ends or the deadline passes. */
  read(): Promise<Buffer>;
  /** Gives back bytes that `read` returned but that belong to what follows. */
  unread(chunk: Buffer): void;
  write(chunk: Uint8Array): void;
}

/** What the client claims, before anything of it is verified. */
export type Credential =
  | { readonly kind: 'token'; readonly token: Secret }
  /** The per-session secret of a local port; compared in constant time with the one of the tunnel's preamble. */
  /** From a certificate of the gateway's own authority, whose key the client proved: the pass in it, and who may redeem it. */
  | { readonly kind: 'pass'; readonly pass: Uint8Array; readonly holder: string }
  | { readonly kind: 'local-secret'; readonly secret: Secret };

export type LoginRequest =
  | {
      readonly kind: 'session';
      readonly target: string;
      /** Account at the target that the client asks for; null: it names none. Untrusted. */
      readonly account: string | null;
      readonly credential: Credential;
      /** What the client says of itself; untrusted, for people. */
      readonly client: string | null;
      /** Private to the island; handed to `connect` and `engine` of the same session. */
      readonly startup: unknown;
      /** Says no in the protocol's own words and ends the stream. */
      deny(error: GwError): void;
      /** The login stands, and people are asked before the session opens: says so and keeps the client waiting. May be called again. */
      waiting(notice: ClientNotice): void;
    }
  /** A request about another session (PostgreSQL CancelRequest): the key decides alone, nothing is answered. */
  | { readonly kind: 'cancel'; readonly key: Buffer }
  /** The client left, or was told everything there was to say (a TLS refusal, say). */
  | { readonly kind: 'done' };

// ------------------------------------------------------------------------------------------------ upstream

/** A dialled connection to the target, before its handshake. */
export interface UpstreamConnection {
  readonly stream: Duplex;
  /** Upgrades to TLS as the target's options demand. */
  startTls(options: {
    readonly rejectUnauthorized: boolean;
    readonly ca: string | null;
    readonly servername: string | null;
    readonly verifyHost: boolean;
  }): Promise<TLSSocket>;
  read(): Promise<Buffer>;
  unread(chunk: Buffer): void;
  write(chunk: Uint8Array): void;
  /** Wall-clock time, milliseconds since the epoch: what the target shows may be good for some time only. */
  now(): number;
}

export interface UpstreamReady {
  /** What part of the target (database) the session is connected to; null when there are no parts. */
  readonly scope: string | null;
  /** Private to the island: what the engine needs to greet the client (parameters, key data). */
  readonly state: unknown;
}

// ------------------------------------------------------------------------------------------------ engine

/** The two doors, and the two outlets that only open for a verdict. */
export interface EngineContext {
  readonly target: Target;
  /** The session was opened where the target refuses writes; the engine keeps it so. */
  readonly readOnly: boolean;
  /** Longest statement to judge, bytes; a longer one is refused. */
  readonly statementLimit: number;
  readonly guard: Guard;
  /**
   * The snapshot of the target's catalog (`ProtocolCatalog.load`) in force at this moment; null: none is available, and names are to be judged
   * by what they could mean at worst. It is looked at again every second, so it may be that old.
   */
  catalog(): object | null;
  /**
   * Keeps tags for columns of the part of the target that the session works in. Resolves when they are durable: what makes such a column may
   * not go up before. Null: that cannot be had here. @throws GwError `store.unavailable`
   */
  readonly inheritTags: ((tags: readonly NewInheritedTag[]) => Promise<void>) | null;
  /**
   * Runs `work` on a connection of the gateway's own to the same part of the target, with the session's grant, for at most so long; what it does
   * there is seen by nobody else. @throws GwError `target.*`, and whatever `work` throws
   */
  beside<T>(limitMs: number, work: (connection: UpstreamConnection) => Promise<T>): Promise<T>;
  /** Resolves once a look at the target that began after this call brought `catalog` up to date, or failed and made it null. Never rejects. */
  recheckCatalog(): Promise<void>;
  /**
   * Queues bytes for the target; they leave after the journal's commit of this turn. The verdict must be an allowing one of this
   * session: anything else throws. A part of the chunk that the engine was just given may be passed as it is. `written` is called once
   * bytes in memory of the engine's own are out of this process, so that it may be used again; for bytes that are dropped it is not called.
   */
  sendUp(verdict: Verdict, chunk: Uint8Array, written?: () => void): void;
  /**
   * Queues bytes for the client; they leave after the journal's commit of this turn. Only what `guard.deliver` gave, or the gateway's own words.
   * `written` as with `sendUp`.
   */
  sendDown(chunk: Uint8Array, written?: () => void): void;
  /** Stops and restarts reading from the client, e.g. while a verdict is awaited. */
  pauseClient(): void;
  resumeClient(): void;
  /** The same of the target, while what comes from it cannot be passed on. */
  pauseTarget(): void;
  resumeTarget(): void;
  /** Key under which a `cancel` login request finds this session; the island makes it, unguessable, at start. */
  registerCancelKey(key: Buffer): void;
  /**
   * Asks the target, on a connection of its own, to stop what it runs for this session. Resolves when the target has taken the request: what goes
   * up after that is not hit by it. Rejects when that cannot be known.
   */
  cancelTarget(): Promise<void>;
  /** Ends the session after everything queued went out. */
  end(reason: 'client' | 'target' | 'protocol', error: GwError | null): void;
}

export interface Guard {
  /**
   * The door going up. Records the intent with its verdict. Synchronous when the decision is cached or computed at once; a promise
   * when a human must be asked. A refused operation is returned as a verdict that is not `allowed`, never thrown.
   * @throws GwError `session.revoked` | `login.expired` | `recording.failed` when the session itself may not go on.
   */
  check(operation: Operation): Verdict | Promise<Verdict>;
  /**
   * May this be prepared? Same decision as `check`; recorded only when refused, because nothing runs yet and `check` follows for each
   * run. An allowed one gives a verdict for the preparing message alone.
   */
  consider(operation: Operation): Verdict | Promise<Verdict>;
  /** The client does not want any more what people are being asked about: the request is cancelled, and its verdict is a refusal. Nothing asked: nothing. */
  withdraw(): void;
  /** A verdict for messages that carry no operation (flow control, end of input, terminate). Not recorded. */
  transport(): Verdict;
  /**
   * The door coming down. Takes bytes of a result, masks, records and gives back what may be sent (the same bytes when nothing had to
   * change). `chunk` holds whole protocol frames or a part of one frame in order; `rows` rows begin within it, and `ahead` bytes of the last one
   * are still to come: so a row that is begun can be ended. `recorded`: what the record keeps in the place of `chunk`, where it hides more.
   * @throws GwError `policy.limit_exceeded` when a limit would be gone over: nothing of the chunk may be delivered, and none of it counts. An
   * engine that can end the operation by itself does so and calls `finish`; otherwise the error ends the session
   */
  deliver(verdict: Verdict, chunk: Uint8Array, rows: number, ahead?: number, recorded?: Uint8Array): Uint8Array;
  /** Input that streams up under an operation already allowed (COPY in). Records; gives nothing back. */
  receive(verdict: Verdict, chunk: Uint8Array): void;
  /**
   * Before the first byte of the operation's streams: their digests, for words of the engine's own (the content of a file). Null: the operation
   * is over.
   */
  digests(verdict: Verdict): StreamDigests | null;
  /**
   * Words that the client gets about a result before it runs (the names of its columns). They stand at the beginning of the operation's record,
   * and count for no limit.
   */
  described(verdict: Verdict, chunk: Uint8Array): void;
  /**
   * How sensitive data of the target is shown to this session by the policy in force; null: nothing of it is tagged or looked for. With a
   * verdict: in the result of that operation, which people may have approved.
   */
  masking(verdict?: Verdict): MaskingDoor | null;
  /** So many values of the result were changed as `how` says (or, where it says `clear`, shown). For the record. */
  masked(verdict: Verdict, how: ClassView, values: number): void;
  /** Tokens in the operation, of these classes, stand for their values where it runs. For the record. */
  resolved(verdict: Verdict, tokens: readonly ClassView[]): void;
  /**
   * A write has run, changed more rows (`changed.rows`) than its verdict lets through, and is not committed: the engine keeps it so until this
   * is answered. People are asked where policy names some, with the real number; a promise means that they are. Whatever the answer, the
   * engine still calls `finish`.
   * @throws GwError `session.revoked` | `login.expired` | `recording.failed` when the session itself may not go on: what was not committed
   * is undone with it
   */
  overRows(verdict: Verdict, changed: ChangedRows): OverRows | Promise<OverRows>;
  /** Something about a running operation that is worth keeping and no result (a terminal was resized). `kind` is a stable word, `data` is JSON. */
  note(verdict: Verdict, kind: string, data: Readonly<Record<string, unknown>>): void;
  /** The operation is over. Called exactly once for each allowed operation. */
  finish(verdict: Verdict, status: OutcomeStatus, message: string | null): void;
}

/** `keep`: it may be committed and its answer delivered. `undo`: as if it had not run; `refusal` is what people said, null: nobody was asked. */
export type OverRows = { readonly kind: 'keep' } | { readonly kind: 'undo'; readonly refusal: GwError | null };

/** Words of the gateway in the middle of a session, which end nothing. */
export interface ClientNotice {
  readonly severity: 'notice' | 'warning';
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
}

/** What an island gives to approvals. */
export interface ProtocolApprovals {
  /** Bound parameters for people and for the binding; null when they cannot be read. */
  parameters(raw: Uint8Array, types: Uint8Array | null): readonly BoundParameter[] | null;
  /**
   * Asks the target what the operation would touch, on a connection of its own after `connect`. Never carries it out, changes nothing, and
   * comes to an end within `timeoutMs`. Null: it cannot be said.
   */
  estimate(
    connection: UpstreamConnection,
    operation: { readonly facts: Facts; readonly exact: Uint8Array; readonly parameters: Uint8Array | null; readonly parameterTypes: Uint8Array | null },
    timeoutMs: number,
  ): Promise<Estimate | null>;
  /** The `startup` for such a connection, to the same part of the target. */
  estimateStartup(scope: string | null): unknown;
}

/**
 * What an island reads of a target to know what names mean there. A snapshot is opaque to the path, immutable, and shared by the sessions of
 * one target, part of it (`scope`) and login. It never holds data of the target's tables.
 */
export interface ProtocolCatalog {
  /** The `startup` for such a connection, to the same part of the target. */
  startup(scope: string | null): unknown;
  /**
   * Reads all, on a connection of its own after `connect`, and leaves it fit for more. A null snapshot: the target has more than is read.
   * @throws GwError when the target does not answer as it should; the connection is of no use then.
   */
  load(
    connection: UpstreamConnection,
    timeoutMs: number,
  ): Promise<{
    readonly version: string;
    readonly snapshot: object | null;
    /** What the target itself calls the part that it is of. */
    readonly part: string;
  }>;
  /** The same snapshot with these tags at their columns, and which of them were seen or are gone by it. */
  tagged(snapshot: object, tags: readonly InheritedTag[]): SeenTags & { readonly snapshot: object };
  /** Cheap; another value than `load` gave says that something may mean something else now. Throws as `load` does. */
  version(connection: UpstreamConnection, timeoutMs: number): Promise<string>;
}

/** What an island gives to those who set up masking. */
export interface ProtocolMasking {
  /** The masking of a statement in words, as a fresh session would have it. `snapshot`: of `ProtocolCatalog.load`; null: none is to be had. */
  explain(text: string, door: MaskingDoor, snapshot: object | null): Promise<MaskingExplanation>;
  /** The `startup` for a connection to `sample`. */
  startup(scope: string | null): unknown;
  /**
   * Looks at up to `rows` rows of everything that could hold sensitive data, on a connection of its own after `connect`; no value leaves it.
   */
  sample(connection: UpstreamConnection, rows: number, looksLike: LooksLike): Promise<readonly SampledColumn[]>;
}

/** What an island gives to those who look at a record. Everything in it is untrusted. */
export interface ProtocolReplay {
  /**
   * A result as delivered, in the lines that the protocol's own client would show for it. Nothing in a line can act on a terminal. `bytes` may end
   * anywhere: what was kept is shown, and that a message is incomplete is said. `parameters`: of the operation, as recorded.
   */
  result(bytes: Buffer, parameters: Uint8Array | null): readonly string[];
  /** Bound parameters, each as a literal of the protocol's language; null when they cannot be read. */
  literals(parameters: Uint8Array): readonly string[] | null;
  /** The prompt that stands before an operation in a replay. */
  readonly prompt: string;
  /** What begins a comment up to the end of the line, for exports that are a script; null: operations are no script. */
  readonly comment: string | null;
  /** An operation's text as one complete statement of a script; null: in a script it would do something else, or swallow what follows. */
  statement(text: string): string | null;
}

/** A running session's protocol side. The pump feeds it; it never touches a socket. All input is untrusted, from the target too. */
export interface Engine {
  /** First bytes for the client after a successful login. */
  start(): void;
  /** `chunk` is valid only during the call: what is kept must be copied. */
  fromClient(chunk: Buffer): void;
  /** The engine may overwrite it. */
  fromTarget(chunk: Buffer): void;
  clientEnded(): void;
  targetEnded(): void;
  /** Says it as soon as nothing is in the middle of being said. */
  notice(notice: ClientNotice): void;
  /**
   * What runs under `verdict` went over a limit of policy: ends it with `error`, and lets the session go on. Asked again while it has not ended.
   * False: that cannot be had, and the session must end.
   */
  stop(verdict: Verdict, error: GwError): boolean;
  /** The session ends from outside (kill, expiry, drain): the last words for the client, in its protocol. */
  farewell(error: GwError): Uint8Array;
  /** People are being asked: gets a client to say it that has left. Called now and then. Null: one that left is heard without. */
  readonly probe: (() => void) | null;
  /** Asks the target, on a fresh connection of its own, to stop what this session runs. Null: what runs ends with the session's connection. */
  readonly cancel: ((connection: UpstreamConnection) => Promise<void>) | null;
}

/** A key by which the gateway proves to clients of a protocol who it is, where TLS does not. Made once, kept by the gateway, shared by its workers. */
export interface ServerIdentity {
  /** A new one, as one line of text. */
  generate(): string;
  /** What clients are told to expect, as one line of text without a secret. */
  describe(identity: string): string;
}

/** What a certificate for a client of the gateway is made of. */
export interface ClientCertificateRequest {
  /** The client's public key, one line in the protocol's own form; untrusted. */
  readonly publicKey: string;
  /** Names of targets that it is for: at these, and nowhere else. */
  readonly targets: readonly string[];
  /** For logs: whose it is. */
  readonly subject: string;
  readonly serial: bigint;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Seals the login for the holder of the key; comes back in a `Credential`. */
  pass(holder: string): Uint8Array;
}

/**
 * Keys by which the gateway signs certificates: for its own clients, and for targets that trust it. Two keys, because what is signed for the one
 * must be nothing to the other.
 */
export interface ProtocolAuthorities {
  readonly clients: ServerIdentity & {
    /** One line of text. @throws GwError `usage.invalid` */
    issue(authority: Secret, request: ClientCertificateRequest): string;
  };
  readonly targets: ServerIdentity;
}

export interface Protocol {
  readonly kind: string;
  readonly descriptor: ProtocolDescriptor;
  /**
   * Validates a target's `options`; gives the parsed form or throws `config.invalid` with the path inside the options. Relative file
   * names resolve against `baseDir`, the folder of the configuration file.
   */
  parseOptions(raw: unknown, baseDir: string): unknown;
  /** JSON schema of the options, for editors and the reference. */
  readonly optionsSchema: object;
  /** Loads what the island needs (WASM, tables) once per process, before the first session. */
  prepare(): Promise<void>;
  /** Null: clients know the gateway by its certificate, or not at all. */
  readonly serverIdentity: ServerIdentity | null;
  /** Null: nobody is let in by a certificate, and no target lets the gateway in by one. */
  readonly authorities: ProtocolAuthorities | null;
  login(connection: LoginConnection): Promise<LoginRequest>;
  connect(
    connection: UpstreamConnection,
    target: Target,
    credential: TargetCredential,
    startup: unknown,
    /** The target must refuse writes on this connection, also those that the gateway cannot see. Throws where that cannot be had. */
    readOnly: boolean,
  ): Promise<UpstreamReady>;
  engine(context: EngineContext, startup: unknown, ready: UpstreamReady): Engine;
  /** Null: operations of this protocol cannot be held; where policy asks for approval they are refused. */
  readonly approvals: ProtocolApprovals | null;
  /** Null: what the names of an operation mean does not depend on the target's state. */
  readonly catalog: ProtocolCatalog | null;
  /** Null: this protocol masks nothing. */
  readonly masking: ProtocolMasking | null;
  /** Null: results of this protocol are shown as bytes. */
  readonly replay: ProtocolReplay | null;
}
