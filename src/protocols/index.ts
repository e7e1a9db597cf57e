/** The registry: the one file of `src/` that names every protocol island. A new protocol is one line here (docs/adding-a-protocol.md). */
import type { Protocol } from '../contract/protocol.js';
import { postgres } from './postgres/index.js';
import { ssh } from './ssh/index.js';

export const protocols: readonly Protocol[] = [postgres, ssh];
