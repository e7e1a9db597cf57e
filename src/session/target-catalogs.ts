/**
 * What the targets' catalogs say, for the sessions of this process: one snapshot for each target, part of it and login, shared by its
 * sessions. While any of them lives, a connection of the gateway's own looks every second whether the catalog changed; with the last it
 * goes. A look that fails leaves no snapshot, never an old one. Dials only with a session's grant.
 */
import { GwError } from '../contract/gw-error.js';
import type { NewInheritedTag, TagPlace } from '../contract/inherited-tags.js';
import type { Protocol, ProtocolCatalog } from '../contract/protocol.js';
import type { Target } from '../contract/target.js';
import type { Grant } from '../contract/verdict.js';
import { requireGrant } from './authorize.js';
import { endSoftly } from './end-softly.js';
import { dialTarget, type HandshakeConnection } from './open.js';
import type { PathServices } from './path-services.js';

const POLL_MS = 1_000;
/** After failures the time between looks doubles, up to this: a catalog that is too large is not read over and over. */
const SLOWEST_POLL_MS = 16_000;
const VERSION_MS = 2_000;
const LOAD_MS = 10_000;
/** How long a session that opens waits for a snapshot before it starts without one. */
const FIRST_MS = 5_000;
const GOODBYE_MS = 1_000;
/** How long a snapshot is kept when no session uses it; it is looked at before it is used again. */
const KEPT_MS = 60_000;

/** Who makes columns that inherit tags. */
interface TaggedBy {
  readonly session: string;
  readonly subject: string;
}

/** A session's share of a snapshot. */
export interface CatalogSeat {
  current(): object | null;
  recheck(): Promise<void>;
  /** Null: no tags are kept. */
  readonly inherit: ((by: TaggedBy, tags: readonly NewInheritedTag[]) => Promise<void>) | null;
  /** The session is over. May be called more than once. */
  leave(): void;
}

export const NO_CATALOG: CatalogSeat = { current: () => null, recheck: () => Promise.resolve(), inherit: null, leave: () => undefined };

export class TargetCatalogs {
  readonly #services: PathServices;
  /** A target that was configured anew is another one. */
  readonly #byTarget = new Map<Target, Map<string, SharedCatalog>>();

  constructor(services: PathServices) {
    this.#services = services;
  }

  /** Resolves when the snapshot is there, or is not to be had for now. Never rejects. */
  async join(grant: Grant, protocol: Protocol, scope: string | null, username: string): Promise<CatalogSeat> {
    requireGrant(grant);
    if (protocol.catalog === null) return NO_CATALOG;
    const { target } = grant;
    let ofTarget = this.#byTarget.get(target);
    if (ofTarget === undefined) this.#byTarget.set(target, (ofTarget = new Map<string, SharedCatalog>()));
    const key = JSON.stringify([scope, username]);
    let shared = ofTarget.get(key);
    if (shared === undefined) {
      const owner = ofTarget;
      const created = new SharedCatalog(grant, protocol, protocol.catalog, scope, username, this.#services, () => {
        if (owner.get(key) === created) owner.delete(key);
        if (owner.size === 0 && this.#byTarget.get(target) === owner) this.#byTarget.delete(target);
      });
      ofTarget.set(key, (shared = created));
    }
    return shared.join();
  }

  /** The gateway stops. */
  stop(): void {
    for (const ofTarget of this.#byTarget.values()) for (const shared of ofTarget.values()) shared.close();
    this.#byTarget.clear();
  }
}

class SharedCatalog {
  readonly #grant: Grant;
  readonly #protocol: Protocol;
  readonly #catalog: ProtocolCatalog;
  readonly #scope: string | null;
  readonly #username: string;
  readonly #services: PathServices;
  readonly #forget: () => void;
  #sessions = 0;
  #snapshot: object | null = null;
  #version: string | null = null;
  /** What the target calls its part; null: it was not asked yet. */
  #part: string | null = null;
  /** Looked at since the last time that no session was there. */
  #fresh = false;
  #connection: HandshakeConnection | null = null;
  /** The connection was made for the look in hand. */
  #new = false;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #closed = false;

  constructor(grant: Grant, protocol: Protocol, catalog: ProtocolCatalog, scope: string | null, username: string, services: PathServices, forget: () => void) {
    this.#grant = grant;
    this.#protocol = protocol;
    this.#catalog = catalog;
    this.#scope = scope;
    this.#username = username;
    this.#services = services;
    this.#forget = forget;
  }

  async join(): Promise<CatalogSeat> {
    const { inheritedTags } = this.#services;
    this.#sessions++;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    let left = false;
    // A failure was waited for once; until the target answers again nobody else waits.
    if (!this.#fresh && this.#failures === 0) await within(this.check(), FIRST_MS);
    this.#plan();
    return {
      current: () => (this.#fresh ? this.#snapshot : null),
      recheck: () => this.check(),
      inherit: inheritedTags === null ? null : (by, tags) => inheritedTags.add(this.#place(), by, tags),
      leave: () => {
        if (left) return;
        left = true;
        if (--this.#sessions === 0) this.#rest();
      },
    };
  }

  /** A look that begins after this call. Never rejects. */
  check(): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#begin();
    this.#next = this.#running.then(() => this.#begin());
    return this.#next;
  }

  #begin(): Promise<void> {
    this.#next = null;
    const running = this.#look().then(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#ask().catch((thrown: unknown) => {
        // A connection that was cut while it was idle says nothing about the target: it is asked once more, on a new one.
        if (this.#connection === null || this.#new) throw thrown;
        this.#drop();
        return this.#ask();
      });
      this.#fresh = true;
      this.#failures = 0;
    } catch (thrown) {
      if (this.#failures++ === 0) this.#say('the catalog of a target could not be read; names are judged without it until it can', GwError.from(thrown));
      this.#fresh = false;
      this.#snapshot = null;
      this.#version = null;
      this.#drop();
    }
    if (this.#closed || this.#sessions === 0) this.#drop();
  }

  async #ask(): Promise<void> {
    this.#new = this.#connection === null;
    const connection = (this.#connection ??= await this.#connect());
    if (this.#version === null || (await this.#bounded(this.#catalog.version(connection, VERSION_MS), VERSION_MS)) !== this.#version) {
      const loaded = await this.#bounded(this.#catalog.load(connection, LOAD_MS), LOAD_MS);
      this.#part = loaded.part;
      // Asked after the catalog: what made a column in it was let through after its tags were there.
      this.#snapshot = loaded.snapshot === null ? null : await this.#tagged(loaded.snapshot);
      this.#version = loaded.version;
      if (loaded.snapshot === null) this.#say('the catalog of a target is larger than is read; names are judged without it');
    }
  }

  #place(): TagPlace {
    if (this.#part === null) throw new GwError('store.unavailable', 'What part of the target this is was not read yet, so no tag can be kept for it.');
    return { target: this.#grant.target.name, part: this.#part };
  }

  async #tagged(snapshot: object): Promise<object> {
    const { inheritedTags } = this.#services;
    if (inheritedTags === null) return snapshot;
    const { target, part } = this.#place();
    const { snapshot: tagged, ...seen } = this.#catalog.tagged(snapshot, await inheritedTags.list(target, part));
    if (seen.seen.length + seen.gone.length > 0) await inheritedTags.settle(seen);
    return tagged;
  }

  async #connect(): Promise<HandshakeConnection> {
    const { target } = this.#grant;
    const credential = await target.credential();
    if (credential.username !== this.#username) throw new GwError('target.credential', 'The login of the target is another one by now.');
    const connection = await dialTarget(target, this.#services, AbortSignal.timeout(LOAD_MS));
    try {
      await this.#protocol.connect(connection, target, credential, this.#catalog.startup(this.#scope), false);
    } catch (error) {
      connection.stream.destroy();
      throw error;
    }
    connection.settle();
    return connection;
  }

  /** The island's own deadline is the server's to keep; this one is ours. */
  async #bounded<T>(answer: Promise<T>, limitMs: number): Promise<T> {
    const stream = this.#connection?.stream;
    const timer = setTimeout(() => stream?.destroy(), limitMs + GOODBYE_MS);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  #plan(): void {
    if (this.#timer !== null || this.#sessions === 0 || this.#closed) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        void this.check().then(() => this.#plan());
      },
      Math.min(POLL_MS * 2 ** this.#failures, SLOWEST_POLL_MS),
    );
    this.#timer.unref();
  }

  /** No session is left. */
  #rest(): void {
    this.#fresh = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#running === null) this.#drop();
    this.#timer = setTimeout(() => this.close(), KEPT_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    this.#fresh = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#drop();
    this.#forget();
  }

  #drop(): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#connection = null;
    connection.finish();
    endSoftly(connection.stream, GOODBYE_MS);
  }

  #say(what: string, error: GwError | null = null): void {
    const about = { target: this.#grant.target.name, ...(error === null ? {} : { error: error.code, err: error }) };
    this.#services.logger.warn(about, what);
  }
}

async function within(promise: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
