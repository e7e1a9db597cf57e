/** Lists of sessions; what the gateway notes of the question is said on stderr, once however often it is asked. */
import type { GatewayClient, SessionQuery } from '../../client/gateway-client.js';
import type { SessionList } from '../../contract/api-types.js';
import { sayWarning } from '../failure.js';
import { visible } from '../terminal.js';

export function askSessions(client: Pick<GatewayClient, 'sessions'>): (query: SessionQuery) => Promise<SessionList> {
  const said = new Set<string>();
  return async (query) => {
    const page = await client.sessions(query);
    for (const note of page.notes ?? []) if (!said.has(note) && said.add(note)) sayWarning(visible(note));
    return page;
  };
}
