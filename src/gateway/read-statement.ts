/** Facts of a statement that somebody gives as text, by the island that speaks the target's protocol. */
import { GwError } from '../contract/gw-error.js';
import type { Facts } from '../contract/operation.js';
import { protocolsByKind } from './gateway-protocols.js';

/** @throws GwError `usage.invalid`: there is no such protocol, or its statements have no text form. */
export async function readStatement(protocol: string, statement: string): Promise<Facts> {
  const island = protocolsByKind.get(protocol);
  const factsOf = island?.descriptor.factsOf ?? null;
  if (island === undefined || factsOf === null) throw new GwError('usage.invalid', `Statements of the protocol ${protocol} cannot be given as text.`);
  await island.prepare();
  return factsOf(statement);
}
