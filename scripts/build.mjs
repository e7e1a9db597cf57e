/** Builds `dist`, what is published and run: the bundle of all programs of gw, and makes its entry point executable. */
import { chmodSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.mjs';

const root = join(import.meta.dirname, '..');
const started = new Date();
await bundle(join(root, 'dist'));
// Sources that are newer than this are not in it.
const stamp = join(root, 'dist', '.built');
writeFileSync(stamp, '');
utimesSync(stamp, started, started);
chmodSync(join(root, 'bin', 'run.js'), 0o755);
