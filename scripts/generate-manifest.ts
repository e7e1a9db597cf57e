/** Writes oclif.manifest.json from the commands in `dist`: with it oclif starts without loading any command but the one that runs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
// oclif would look for TypeScript sources in a repository; what users run is the compiled form.
process.env['NODE_ENV'] = 'production';
const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { readonly version: string };

const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true });
await plugin.load();
const ids = Object.keys(plugin.manifest.commands).sort();
const commands = Object.fromEntries(ids.map((id) => [id, plugin.manifest.commands[id]]));
writeFileSync(`${root}/oclif.manifest.json`, `${JSON.stringify({ commands, version }, null, 2)}\n`);
