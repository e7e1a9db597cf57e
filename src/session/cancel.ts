/**
 * Cancel requests. The key alone decides, as the protocol has it, but it is the gateway's own key: it stops what *its* session runs and
 * nothing else, on whichever process the session lives. Nothing is answered, so a guess learns nothing.
 */
import { GwError } from '../contract/gw-error.js';
import { endSoftly } from './end-softly.js';
import type { LiveSession, LiveSessions } from './live-sessions.js';
import { cancelKeyDigest } from './live-sessions.js';
import { dialTarget, type HandshakeConnection } from './open.js';
import type { PathServices } from './path-services.js';

/** How long a target may take to end the connection of a request. */
const TAKEN_MS = 5_000;

/** How long a process that has the session may take to say that it did what was asked. A key that nobody knows costs a guess as much. */
const ELSEWHERE_MS = 2_000;

/**
 * Requests of clients. A client that sees the end of its request's connection takes it that the request can hit nothing that it sends from then on
 * (PostgreSQL, protocol flow, "Canceling Requests in Progress"): the connection ends when the target has told the session, not before.
 */
export class CancelRequests {
  readonly #live: LiveSessions;
  readonly #services: PathServices;
  /** Those about sessions that other processes have. */
  readonly #elsewhere = new Set<{ readonly keyDigest: string; readonly done: () => void }>();

  constructor(live: LiveSessions, services: PathServices) {
    this.#live = live;
    this.#services = services;
    services.bus.subscribe((event) => {
      if (event.kind === 'session.cancel') void this.#askedElsewhere(event.keyDigest);
      else if (event.kind === 'session.cancelled') for (const waiting of this.#elsewhere) if (waiting.keyDigest === event.keyDigest) waiting.done();
    });
  }

  /** Resolves when the target took the request, when nobody has its session, and when it is not known whether anybody has. */
  async serve(key: Buffer): Promise<void> {
    const keyDigest = cancelKeyDigest(key);
    const session = this.#live.byCancelKey(keyDigest);
    if (session !== undefined) await runAsked(session, this.#services);
    else await this.#ask(keyDigest);
  }

  /** The key itself does not travel. */
  async #ask(keyDigest: string): Promise<void> {
    const { bus } = this.#services;
    let timer: NodeJS.Timeout | undefined;
    const taken = new Promise<void>((resolve) => {
      const waiting = {
        keyDigest,
        done: () => {
          this.#elsewhere.delete(waiting);
          resolve();
        },
      };
      this.#elsewhere.add(waiting);
      timer = setTimeout(waiting.done, ELSEWHERE_MS);
    });
    try {
      await bus.publish({ kind: 'session.cancel', keyDigest });
      await taken;
    } finally {
      clearTimeout(timer);
    }
  }

  async #askedElsewhere(keyDigest: string): Promise<void> {
    const session = this.#live.byCancelKey(keyDigest);
    if (session === undefined) return;
    const services = this.#services;
    await runAsked(session, services).catch(failed(session, services));
    await services.bus.publish({ kind: 'session.cancelled', keyDigest }).catch(failed(session, services));
  }
}

/** Cancels what a session of this process runs at its target, because the session ends. Never throws. */
export function cancelHere(id: string, live: LiveSessions, services: PathServices): void {
  const session = live.get(id);
  if (session !== undefined) run(session, services).catch(failed(session, services));
}

const failed =
  (session: LiveSession, services: PathServices) =>
  (error: unknown): void =>
    services.logger.warn({ session: session.start.session, cause: error }, 'the running statement could not be cancelled at the target');

/** What waits for people is not at the target yet. */
async function runAsked(session: LiveSession, services: PathServices): Promise<void> {
  if (!session.guard.abandon({ kind: 'gave_up', why: 'cancelled by its client' })) await run(session, services, true);
}

/**
 * Cancels what a session runs, because the gateway ends that and lets the session go on. Resolves when the target closed the connection of the
 * request: it has told its session by then.
 * @throws GwError `target.*` when that cannot be known
 */
export async function cancelAtTarget(session: LiveSession, services: PathServices): Promise<void> {
  await run(session, services, true);
}

async function run(session: LiveSession, services: PathServices, untilTaken = false): Promise<void> {
  const { engine } = session.pump;
  if (engine.cancel === null) return;
  const signal = AbortSignal.timeout(services.limits.handshakeTimeoutMs);
  const connection = await dialTarget(session.pump.target, services, signal);
  try {
    await engine.cancel(connection);
    if (untilTaken) await ended(connection);
  } finally {
    connection.finish();
    // The target has nothing to answer.
    endSoftly(connection.stream, TAKEN_MS);
  }
}

/**
 * Resolves when the target ended the connection, which it does when it has told its session. This side keeps its own open until then: what stands
 * between may answer an end of ours with one of its own.
 */
async function ended(connection: HandshakeConnection): Promise<void> {
  connection.finish();
  const { stream } = connection;
  const timer = setTimeout(() => stream.destroy(), TAKEN_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      if (stream.readableEnded) resolve();
      stream.once('end', resolve);
      stream.once('error', reject);
      stream.once('close', () => reject(new GwError('target.unreachable', 'The target did not take the request to cancel.')));
      stream.resume();
    });
  } finally {
    clearTimeout(timer);
  }
}
