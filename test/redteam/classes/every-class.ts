/** All classes that the shipped guardrails must refuse. */
import type { AttackClass } from '../attack-class.js';
import { PATHS } from './paths.js';
import { RIGHTS } from './rights.js';
import { ROW_LOSS } from './row-loss.js';
import { SERVER } from './server.js';
import { UNSEEN_CODE } from './unseen-code.js';

export const EVERY_CLASS: readonly AttackClass[] = [...ROW_LOSS, ...RIGHTS, ...SERVER, ...UNSEEN_CODE, ...PATHS];
