/**
 * Opens local ports to targets for one command: asks the gateway which targets there are, refuses early and with the reason what the
 * gateway would refuse, and keeps the sessions' login fresh. One secret for the process; it is in memory, in the hello to the gateway
 * and in the environment of the client, nowhere else.
 */
import { randomBytes } from 'node:crypto';
import { SessionKeeper } from '../../client/session-keeper.js';
import type { TargetInfo } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';
import { LocalPort } from '../../tunnel/local-port.js';
import { type Connection, tunnelAddress } from '../connection.js';
import { sayError, sayWarning } from '../failure.js';
import { visible } from '../terminal.js';
import { type FilledClient, fillClient } from './client-template.js';

export interface AccessOptions {
  readonly connection: Connection;
  readonly targets: readonly string[];
  /** Port to listen on, for a single target; 0: any. */
  readonly port: number;
  readonly reason: string | null;
  /** What uses the tunnel, for the record of the session. */
  readonly purpose: string;
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
  const why = info.reasons.length > 0 ? `: ${info.reasons.join('; ')}` : '';
  throw new GwError('policy.connect_denied', `Policy does not let you connect to ${info.name}${why}.`, { detail: { rule: info.rule } });
}

export class TargetAccess {
  readonly targets: readonly OpenTarget[];
  readonly #keeper: SessionKeeper;

  private constructor(targets: readonly OpenTarget[], keeper: SessionKeeper) {
    this.targets = targets;
    this.#keeper = keeper;
  }

  static async open(options: AccessOptions): Promise<TargetAccess> {
    const { connection } = options;
    const { client, source, clock } = connection;
    const all = await client.targets();
    const chosen = options.targets.map((name) => pickTarget(all, name));
    const secret = randomBytes(32).toString('base64url');
    const keeper = new SessionKeeper({ client, source, clock, onProblem: (_session, error) => sayWarning(`${error.message} ${error.hint}`) });
    const opened: OpenTarget[] = [];
    try {
      for (const info of chosen) {
        let tokenEnd = 0;
        const port = await LocalPort.open({
          gateway: tunnelAddress(connection),
          port: options.port,
          async hello() {
            const token = await source.token();
            tokenEnd = token.expiresAt;
            return { target: info.name, token: token.secret.expose(), secret, reason: options.reason, client: options.purpose };
          },
          onSession: (session) => keeper.opened(session, tokenEnd),
          onSessionEnd: (session) => keeper.closed(session),
          onRefusal: sayError,
        });
        opened.push({ info, port, client: fillClient(info, { host: port.host, port: port.port, secret }) });
      }
    } catch (thrown) {
      await Promise.all(opened.map(({ port }) => port.close()));
      throw thrown;
    }
    return new TargetAccess(opened, keeper);
  }

  /** The refusal that made the command useless: one target was never reached at all. */
  get decisiveRefusal(): GwError | null {
    for (const { port } of this.targets) if (port.accepted === 0 && port.refusal !== null) return port.refusal;
    return null;
  }

  async close(): Promise<void> {
    this.#keeper[Symbol.dispose]();
    await Promise.all(this.targets.map(({ port }) => port.close()));
  }
}
