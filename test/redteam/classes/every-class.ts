/** All classes that the shipped guardrails must refuse. */
import type { AttackClass } from '../attack-class.js';
import { RIGHTS } from './rights.js';
import { ROW_LOSS } from './row-loss.js';
import { SERVER } from './server.js';

export const EVERY_CLASS: readonly AttackClass[] = [...ROW_LOSS, ...RIGHTS, ...SERVER];
