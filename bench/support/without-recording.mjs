/**
 * Makes gw as it is published but for its journal, which takes everything and keeps nothing, so that what recording costs can be measured. The product has no
 * such switch. Prints the file to run.
 */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, programs } from '../../scripts/bundle.mjs';

const NOTHING = `
const nothing = () => undefined;
const session = { operation: nothing, delivered: nothing, received: nothing, outcome: nothing, event: nothing, end: nothing };
export const openJournal = async ({ bootId }) => ({
  bootId, healthy: true, resultCap: 0,
  begin: () => ({ ...session }), event: nothing, commit: nothing, synced: async () => undefined, probe: () => true, roll: nothing, close: async () => undefined,
});
`;

const root = join(import.meta.dirname, '..', '..');
const made = join(root, 'tmp', 'bench', 'without-recording');
await bundle(join(made, 'dist'), programs(), { 'recording/open-journal': NOTHING });
mkdirSync(join(made, 'bin'), { recursive: true });
for (const name of ['bin/run.js', 'package.json', 'oclif.manifest.json', 'schema', 'policies', 'evidence'])
  cpSync(join(root, name), join(made, name), { recursive: true });
process.stdout.write(join(made, 'bin', 'run.js'));
