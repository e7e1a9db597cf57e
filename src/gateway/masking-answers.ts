/** Answers of this worker about masking: how the result of a statement would look, and which columns look as if they needed a tag. */
import type { MaskingDesk } from '../api/index.js';
import type { PolicySource } from '../contract/decision.js';
import { GwError } from '../contract/gw-error.js';
import type { InheritedTagStore } from '../contract/inherited-tags.js';
import type { MaskingDoor, MaskingView } from '../contract/masking-policy.js';
import { createLooksLike, explainText, proposeTags } from '../masking/index.js';
import type { Path } from '../session/index.js';
import { protocolsByKind } from './gateway-protocols.js';

export interface MaskingAnswersOptions {
  readonly policy: PolicySource;
  readonly path: Path;
  readonly inheritedTags: InheritedTagStore;
  readonly masking: (view: MaskingView) => MaskingDoor;
}

export function createMaskingAnswers({ policy, path, inheritedTags, masking }: MaskingAnswersOptions): MaskingDesk {
  return {
    inherited: (target) => inheritedTags.list(target, null),
    explain: async ({ token, address }, identity, target, statement, reasoned) => {
      const protocol = protocolsByKind.get(target.protocol);
      const view = policy.current().view(identity, target).masking(reasoned, false);
      if (view === null || protocol === undefined) return null;
      if (protocol.masking === null) return protocol.descriptor.searched === true ? explainText(view) : null;
      let catalog: object | null = null;
      try {
        catalog = await path.survey.catalog(token, address, target.name);
      } catch (thrown) {
        // Without it the answer says that nothing is known of the columns.
        if (GwError.from(thrown).code === 'internal.error') throw thrown;
      }
      return protocol.masking.explain(statement, masking(view), catalog);
    },
    scan: async ({ token, address }, identity, target, scope, rows) => {
      const columns = await path.survey.sample(token, address, target.name, scope, rows, createLooksLike());
      const view = policy.current().view(identity, target).masking(false, false);
      const isTagged = (name: readonly string[], column: string): boolean => view !== null && view.columnClasses(name, column).length > 0;
      const fresh = columns.filter(({ relation, column }) => !isTagged(relation, column));
      const tagged = columns.filter(({ relation, column }) => isTagged(relation, column));
      return {
        target: target.name,
        scope,
        columns: columns.length,
        values: columns.reduce((sum, each) => sum + each.values, 0),
        proposals: proposeTags(fresh),
        tagged: tagged.map(({ relation, column }) => [...relation, column].join('.')),
      };
    },
  };
}
