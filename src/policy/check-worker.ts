/**
 * A thread that parses policy files and checks every word of them, so that the event loop that carries the sessions need not. Gives the
 * policy in portions that can be compiled one after the other, or what is wrong. Run by `gentle-load` only; ends with its answer.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type ErrorBody, GwError } from '../contract/gw-error.js';
import type { ProtocolDescriptor } from '../contract/protocol.js';
import { checkPolicyFiles } from './load-policy.js';
import type { PolicyText } from './policy-set.js';
import type { PolicyFileText } from './schema.js';

export interface CheckRequest {
  readonly files: readonly PolicyText[];
  readonly protocols: readonly Pick<ProtocolDescriptor, 'kind' | 'actions' | 'facts' | 'resources' | 'tagged' | 'accounts'>[];
}

export interface CheckedFile {
  readonly stem: string;
  readonly tiers: PolicyFileText['tiers'];
  readonly defaults: PolicyFileText['defaults'];
  readonly masking: Pick<PolicyFileText, 'classes' | 'data' | 'masks'>;
  /** JSON of some rules each. */
  readonly portions: readonly string[];
}

export type CheckReply =
  | { readonly kind: 'checked'; readonly digest: string; readonly canonical: string; readonly files: readonly CheckedFile[] }
  | { readonly kind: 'invalid'; readonly error: ErrorBody['error'] };

const PORTION = 25;

function check({ files, protocols }: CheckRequest): CheckReply {
  try {
    const { digest, canonical, files: checked } = checkPolicyFiles(files, protocols as readonly ProtocolDescriptor[]);
    return {
      kind: 'checked',
      digest,
      canonical,
      files: checked.map(({ stem, policy: { tiers, defaults, classes, data, masks, rules = [] } }) => ({
        stem,
        tiers,
        defaults,
        masking: { classes, data, masks },
        portions: Array.from({ length: Math.ceil(rules.length / PORTION) }, (_, index) => JSON.stringify(rules.slice(index * PORTION, (index + 1) * PORTION))),
      })),
    };
  } catch (thrown) {
    return { kind: 'invalid', error: GwError.from(thrown).toBody().error };
  }
}

parentPort?.postMessage(check(workerData as CheckRequest));
