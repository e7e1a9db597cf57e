/** Writes docs/reference/cli.md from the commands in `dist`. Reads the commands, not the manifest file, so that the order of generators does not matter. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core';
import { type Manifest, renderCliDocs } from './render-cli-docs.js';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
process.env['NODE_ENV'] = 'production';
const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true });
await plugin.load();
mkdirSync(`${root}/docs/reference`, { recursive: true });
writeFileSync(`${root}/docs/reference/cli.md`, renderCliDocs(plugin.manifest as unknown as Manifest));
