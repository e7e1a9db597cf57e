/** The path's face towards the composition root. */

export type { LiveSession } from './live-sessions.js';
export { createPath, type NativeOptions, type Path } from './path.js';
export type { PathLimits, PathServices } from './path-services.js';
