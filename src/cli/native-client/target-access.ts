/**
 * Opens local ports to targets for one command: asks the gateway which targets there are, refuses early and with the reason what the
 * gateway would refuse, and keeps the sessions' login fresh. One secret for the process; it is in memory, in the hello to the gateway
 * and in the environment of the client, nowhere else.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayClient } from '../../client/gateway-client.js';
import { SessionKeeper } from '../../client/session-keeper.js';
import type { ApprovalInfo, TargetInfo } from '../../contract/api-types.js';
import { whyOf } from '../../contract/decision.js';
import { GwError } from '../../contract/gw-error.js';
import { LocalPort } from '../../tunnel/local-port.js';
import { type Connection, tunnelAddress } from '../connection.js';
import { sayError, sayWarning } from '../failure.js';
import { writePrivateFile } from '../profile/paths.js';
import { ClientRecorder } from '../record/client-recorder.js';
import { say, visible } from '../terminal.js';
import type { AskingTerms } from './asking-flags.js';
import { type FilledClient, fillClient } from './client-template.js';
import { placeOf } from './place.js';
import { makePortKey } from './port-key.js';

export interface AccessOptions {
  readonly connection: Connection;
  /** Each as `placeOf` reads it. */
  readonly targets: readonly string[];
  /** Port to listen on, for a single target; 0: any. */
  readonly port: number;
  readonly terms: AskingTerms;
  /** What uses the tunnel, for the record of the session. */
  readonly purpose: string;
  /** Whether the program's terminal is recorded: `asked`, only where policy wants it, or `impossible`, because gw runs no program. */
  readonly record: 'asked' | 'where-wanted' | 'impossible';
}

export interface OpenTarget {
  readonly info: TargetInfo;
  readonly port: LocalPort;
  readonly client: FilledClient;
}

/** @throws GwError `target.unknown` | `policy.connect_denied` */
function pickTarget(all: readonly TargetInfo[], name: string): TargetInfo {
  const info = all.find((target) => target.name === name);
  if (info === undefined) throw new GwError('target.unknown', `There is no target "${visible(name)}" that you can see.`);
  if (info.reachable) return info;
  throw new GwError('policy.connect_denied', `Policy does not let you connect to ${info.name}: ${whyOf(info)}.`, {
    detail: { rule: info.rule },
    ...(info.hint === undefined ? {} : { hint: info.hint }),
  });
}

/** @throws GwError `recording.required` when policy wants a recording and there is no program to record */
async function recorderFor(chosen: readonly TargetInfo[], { connection, record }: AccessOptions): Promise<ClientRecorder | null> {
  const wanted = chosen.filter((info) => info.record === 'client').map(({ name }) => name);
  if (record !== 'asked' && wanted.length === 0) return null;
  if (record === 'impossible') {
    throw new GwError(
      'recording.required',
      `Policy opens sessions on ${wanted.join(', ')} only for a client that records its terminal, and gw runs none here.`,
      {
        hint: `Run the client through gw: \`gw connect ${wanted[0]}\`, or \`gw exec ${wanted[0]} -- COMMAND\`.`,
      },
    );
  }
  const names = chosen.map(({ name }) => name);
  if (wanted.length > 0) say(`This terminal is recorded: policy wants it for ${wanted.map((name) => visible(name)).join(', ')}.`);
  return ClientRecorder.begin(connection, names);
}

/** The newest sessions of a command; a request of an older one is not the reason of its end. */
const SESSIONS_ASKED = 50;

function outcomeOf({ id, state, ended }: ApprovalInfo): GwError | null {
  const detail = { request: id };
  switch (state) {
    case 'pending':
    case 'approved':
      return new GwError('approval.pending', `${id} waits for approval${state === 'approved' ? ' no longer: it is approved' : ''}.`, {
        detail,
        hint: 'Run the same again once it is approved.',
      });
    case 'denied':
      return new GwError('approval.denied', `${id} was denied: ${ended?.why ?? ''}`, { detail });
    case 'expired':
      return new GwError('approval.expired', `${id} expired.`, { detail });
    default:
      return null;
  }
}

export class TargetAccess {
  readonly targets: readonly OpenTarget[];
  /** Null: nothing is recorded here. */
  readonly recorder: ClientRecorder | null;
  readonly #sessions: readonly string[];
  readonly #client: GatewayClient;
  readonly #keeper: SessionKeeper;
  readonly #folder: string;

  private constructor(
    targets: readonly OpenTarget[],
    recorder: ClientRecorder | null,
    sessions: readonly string[],
    client: GatewayClient,
    keeper: SessionKeeper,
    folder: string,
  ) {
    this.targets = targets;
    this.recorder = recorder;
    this.#sessions = sessions;
    this.#client = client;
    this.#keeper = keeper;
    this.#folder = folder;
  }

  static async open(options: AccessOptions): Promise<TargetAccess> {
    const { connection } = options;
    const { client, source, clock } = connection;
    const all = await client.targets();
    const chosen = options.targets.map((text) => {
      const { target, account } = placeOf(text, options.terms.account);
      return { info: pickTarget(all, target), account };
    });
    const recorder = await recorderFor(
      chosen.map(({ info }) => info),
      options,
    );
    const text = randomBytes(32).toString('base64url');
    // Nobody else can enter it; what is in it is of use only while this command runs.
    const folder = await mkdtemp(join(connection.environment.runtimeDir ?? tmpdir(), 'gw-client-'));
    const keeper = new SessionKeeper({ client, source, clock, onProblem: (_session, error) => sayWarning(`${error.message} ${error.hint}`) });
    const opened: OpenTarget[] = [];
    const sessions: string[] = [];
    try {
      for (const { info, account } of chosen) {
        let tokenEnd = 0;
        const key = info.client.secret === 'key' ? makePortKey() : null;
        const secret = key?.secret ?? text;
        const keyFile = join(folder, `${opened.length}.key`);
        if (key !== null) await writePrivateFile(keyFile, key.privateKey);
        const port = await LocalPort.open({
          gateway: tunnelAddress(connection),
          port: options.port,
          async hello() {
            const token = await source.token();
            tokenEnd = token.expiresAt;
            const { terms, purpose: user } = options;
            return { target: info.name, token: token.secret.expose(), secret, client: user, ...terms, account, recording: recorder?.id ?? null };
          },
          onSession: (session) => {
            sessions.push(session);
            recorder?.session(session);
            keeper.opened(session, tokenEnd);
          },
          onSessionEnd: (session) => keeper.closed(session),
          onRefusal: sayError,
        });
        const filled = fillClient(info, { host: port.host, port: port.port, secret, folder, keyFile });
        opened.push({ info, port, client: filled });
        for (const [path, content] of Object.entries(filled.files)) await writePrivateFile(path, content);
      }
    } catch (thrown) {
      await Promise.all(opened.map(({ port }) => port.close()));
      await rm(folder, { recursive: true, force: true });
      await recorder?.end(null);
      throw thrown;
    }
    return new TargetAccess(opened, recorder, sessions, client, keeper, folder);
  }

  /** The refusal that made the command useless: one target was never reached at all. */
  get decisiveRefusal(): GwError | null {
    for (const { port } of this.targets) if (port.accepted === 0 && port.refusal !== null) return port.refusal;
    return null;
  }

  /**
   * How the last request for approval of these sessions ended, when it did not end well: a program that was refused because nobody approved
   * ends with a code of its own, which says nothing of that. Null: nothing was asked, or it went through, or it cannot be known.
   */
  async heldOutcome(): Promise<GwError | null> {
    const session = this.#sessions.slice(-SESSIONS_ASKED);
    if (session.length === 0) return null;
    try {
      const { requests } = await this.#client.requests({ session, limit: 1 });
      return requests[0] === undefined ? null : outcomeOf(requests[0]);
    } catch (thrown) {
      sayWarning(`It could not be asked whether this waits for approval: ${GwError.from(thrown).message}`);
      return null;
    }
  }

  async close(): Promise<void> {
    this.#keeper[Symbol.dispose]();
    await Promise.all(this.targets.map(({ port }) => port.close()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
