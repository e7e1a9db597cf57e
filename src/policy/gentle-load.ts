/**
 * Loads a policy beside sessions that run: files are parsed and checked in a thread, rules are compiled a few at a time, and between them the
 * event loop carries its sessions. The outcome is that of `loadPolicy`, which also does the work where there is no thread (running from
 * TypeScript sources) or where the thread is lost.
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../base/clock.js';
import { ownProgram } from '../base/own-program.js';
import { GwError } from '../contract/gw-error.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import type { CheckReply, CheckRequest } from './check-worker.js';
import { compileMasking } from './compile-masking.js';
import { compileRule } from './compile-rule.js';
import type { CompiledRule } from './compiled-rule.js';
import { IdentityUses, type LoadOptions, loadPolicy } from './load-policy.js';
import { type CompiledDefault, createPolicySet, type LoadedPolicy, type PolicyText } from './policy-set.js';
import type { RuleText } from './schema.js';
import { compileTargets } from './selector.js';
import { buildVocabulary } from './vocabulary.js';

const PROGRAM = ownProgram('policy/check-worker');
/** Sessions wait no longer than about this, milliseconds. */
const SLICE_MS = 1;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Null: there is no thread, or it was lost. */
function checkInThread(request: CheckRequest): Promise<CheckReply | null> {
  if (!existsSync(PROGRAM)) return Promise.resolve(null);
  return new Promise((resolve) => {
    const worker = new Worker(PROGRAM, { name: 'gw-policy', workerData: request, stdout: false, stderr: false });
    worker.once('message', resolve);
    worker.once('error', () => resolve(null));
    worker.once('exit', () => resolve(null));
  });
}

/** What was checked cannot be wrong; if it is, nothing of it is used. */
function surprised(_path: unknown, message: string): never {
  throw new GwError('internal.error', `A policy that was checked does not compile: ${message}`);
}

/** @throws GwError `policy.invalid` */
export async function loadPolicyGently(
  files: readonly PolicyText[],
  protocols: readonly ProtocolDescriptor[],
  options: LoadOptions = {},
): Promise<LoadedPolicy> {
  const words = protocols.map(({ kind, actions, facts, resources, tagged, accounts }) => ({
    ...{ kind, actions, facts, resources, tagged },
    ...(accounts === undefined ? {} : { accounts }),
  }));
  const reply = await checkInThread({ files, protocols: words });
  if (reply === null) return loadPolicy(files, protocols, options);
  if (reply.kind === 'invalid') {
    const { code, message, hint, detail } = reply.error;
    throw new GwError(code, message, { hint, ...(detail === undefined ? {} : { detail }) });
  }
  const vocabulary = buildVocabulary(protocols);
  const rules: CompiledRule[] = [];
  const defaults: CompiledDefault[] = [];
  const uses = new IdentityUses();
  let slice = performance.now();
  for (const file of reply.files) {
    for (const entry of file.defaults ?? []) defaults.push({ operations: entry.operations, targets: compileTargets(entry.targets) });
    for (const portion of file.portions) {
      for (const rule of JSON.parse(portion) as readonly RuleText[]) {
        const compiled = compileRule(rule, `${file.stem}/${rule.id}`, rules.length, vocabulary, file.tiers, surprised);
        rules.push(compiled);
        uses.add(rule, compiled.accounts);
        if (performance.now() - slice < SLICE_MS) continue;
        await turn();
        slice = performance.now();
      }
    }
  }
  const sources = reply.files.map(({ stem, masking }) => ({ path: stem, stem, data: masking, locate: () => ({ line: 1, column: 1 }) }));
  for (const { data } of sources) for (const { subjects } of data.masks ?? []) uses.add({ subjects });
  const masking = compileMasking(sources, vocabulary, surprised);
  const { digest, canonical } = reply;
  return createPolicySet({ digest, canonical, sources: files, rules, defaults, masking, use: uses.all, vocabulary, clock: options.clock ?? systemClock });
}
