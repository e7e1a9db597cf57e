/** The logs of a gateway, for what copies them. */
import type { GatewayClient } from '../client/gateway-client.js';

interface Logs {
  list(): ReturnType<GatewayClient['auditLogs']>;
  file(path: string, limit: number): ReturnType<GatewayClient['auditFile']>;
}

export const remoteLogs = (client: GatewayClient): Logs => ({ list: () => client.auditLogs(), file: (path, limit) => client.auditFile(path, limit) });
