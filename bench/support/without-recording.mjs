/**
 * Preloaded into a gateway of the bench: its journal takes everything and keeps nothing, so that what recording costs can be measured. The product has no such
 * switch.
 */
import { register } from 'node:module';

const NOTHING = `
const nothing = () => undefined;
const session = { operation: nothing, delivered: nothing, received: nothing, outcome: nothing, event: nothing, end: nothing };
export const openJournal = async ({ bootId }) => ({
  bootId, healthy: true, resultCap: 0,
  begin: () => ({ ...session }), event: nothing, commit: nothing, synced: async () => undefined, probe: () => true, roll: nothing, close: async () => undefined,
});
`;

const HOOK = `export async function load(url, context, next) {
  return url.endsWith('/dist/recording/open-journal.js') ? { format: 'module', shortCircuit: true, source: ${JSON.stringify(NOTHING)} } : next(url, context);
}`;

register(`data:text/javascript,${encodeURIComponent(HOOK)}`);
