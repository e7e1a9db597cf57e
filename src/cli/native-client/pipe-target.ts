/**
 * One connection to a target on standard input and output, for clients that start a program instead of connecting themselves. There is no
 * local port: nobody else can get between. Ends when either side does.
 */
import { once } from 'node:events';
import { SessionKeeper } from '../../client/session-keeper.js';
import { dialGateway, TlsSessionCache } from '../../tunnel/dial-gateway.js';
import { readReply } from '../../tunnel/read-reply.js';
import { type Connection, tunnelAddress } from '../connection.js';
import { sayWarning } from '../failure.js';
import type { AskingTerms } from './asking-flags.js';
import { placeOf } from './place.js';

export interface PipeRequest {
  readonly connection: Connection;
  readonly target: string;
  readonly secret: string;
  readonly terms: AskingTerms;
  readonly purpose: string;
}

/** @throws GwError what the gateway said when it refused */
export async function pipeTarget({ connection, target: named, secret, terms, purpose }: PipeRequest): Promise<void> {
  const { target, account } = placeOf(named, terms.account);
  const { client, source, clock } = connection;
  const token = await source.token();
  const address = tunnelAddress(connection);
  const tunnel = await dialGateway(address, { target, token: token.secret.expose(), secret, client: purpose, ...terms, account }, new TlsSessionCache());
  const { session, rest } = await readReply(tunnel, `the gateway at ${address.host}:${address.port}`);
  using keeper = new SessionKeeper({ client, source, clock, onProblem: (_session, error) => sayWarning(`${error.message} ${error.hint}`) });
  keeper.opened(session, token.expiresAt);
  tunnel.on('error', () => tunnel.destroy());
  // Who reads from here may leave first.
  process.stdout.on('error', () => tunnel.destroy());
  if (rest.length > 0) process.stdout.write(rest);
  const over = once(tunnel, 'close');
  // Nothing comes any more, and what came is written: who reads from here waits for our end, and ends its own side only then.
  tunnel.once('end', () => tunnel.destroy());
  process.stdin.pipe(tunnel);
  tunnel.pipe(process.stdout);
  await over;
  process.stdin.destroy();
}
