/** Copies the audit log of the gateway that a command is connected to. */
import type { GatewayClient } from '../client/gateway-client.js';
import type { Mirrored } from '../gateway/mirror-logs.js';

/** @param dir of the copy; the logs lie in `log` below it. @throws GwError as `mirrorLogs` does */
export async function mirrorGateway(client: GatewayClient, dir: string): Promise<Mirrored[]> {
  const { mirrorLogs } = await import('../gateway/mirror-logs.js');
  return mirrorLogs({ list: () => client.auditLogs(), file: (path, limit) => client.auditFile(path, limit) }, dir);
}
