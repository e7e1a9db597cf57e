/** The path's face towards the composition root. */
export { createPath, lockedError, type NativeOptions, type Path } from './path.js';
export type { PathLimits, PathServices } from './path-services.js';
export type { LiveSession } from './live-sessions.js';
