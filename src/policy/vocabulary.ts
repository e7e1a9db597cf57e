/**
 * The words that a policy may use: actions, facts, values and resource types out of the descriptors of the protocols, and the few that
 * belong to no protocol. Built once for each load; a word outside it is an error with a position, never a rule that silently matches
 * nothing.
 */
import { GwError } from '../contract/gw-error.js';
import type { SubjectKind } from '../contract/identity.js';
import type { ActionDescriptor, FactDescriptor, ProtocolDescriptor } from '../contract/protocol.js';

/** Opening a session. Not an operation of any protocol, and never covered by `*`. */
export const CONNECT = 'connect';
/** What an island could not understand. Allowed only by a rule that says so by name. */
export const UNKNOWN = 'unknown';
/** Every operation. */
export const EVERY = '*';

export interface ProtocolVocabulary {
  readonly kind: string;
  readonly actions: ReadonlyMap<string, ActionDescriptor>;
  readonly facts: ReadonlyMap<string, FactDescriptor>;
  /** Parts of the names of each type of resource. */
  readonly resources: ReadonlyMap<string, readonly string[]>;
  /** Type of the resources whose columns can be tagged. */
  readonly tagged: string | null;
  /** What is delivered is text, which detectors look through. */
  readonly searched: boolean;
  /** Sessions can be opened as an account that policy names. */
  readonly accounts: boolean;
}

export type Vocabulary = ReadonlyMap<string, ProtocolVocabulary>;

/** @throws GwError `internal.error` when two descriptors, or a descriptor and the language itself, claim the same word. */
export function buildVocabulary(protocols: readonly ProtocolDescriptor[]): Vocabulary {
  const vocabulary = new Map<string, ProtocolVocabulary>();
  for (const protocol of protocols) {
    const actions = new Map(protocol.actions.map((action) => [action.name, action]));
    if (vocabulary.has(protocol.kind) || actions.has(CONNECT) || actions.has(EVERY)) {
      throw new GwError('internal.error', `The descriptor of protocol ${protocol.kind} uses a word that policy reserves, or is given twice.`);
    }
    vocabulary.set(protocol.kind, {
      kind: protocol.kind,
      actions,
      facts: new Map(protocol.facts.map((fact) => [fact.name, fact])),
      resources: new Map(Object.entries(protocol.resources)),
      tagged: protocol.tagged,
      searched: protocol.searched === true,
      accounts: protocol.accounts === true,
    });
  }
  return vocabulary;
}

/** Whether `defaults` that allow operations can allow `action` to a subject of this kind. What is not declared or not understood takes a rule that says so. */
export function allowedByDefault(vocabulary: ProtocolVocabulary | undefined, action: string, kind: SubjectKind): boolean {
  const declared = vocabulary?.actions.get(action);
  if (declared === undefined || action === UNKNOWN || declared.byRule === 'everyone') return false;
  return declared.byRule !== 'agents' || kind !== 'agent';
}

/** What a rule selects by `targets.protocols`, or all when it names none. Unknown kinds are left out: they are reported elsewhere. */
export function selectProtocols(vocabulary: Vocabulary, kinds: readonly string[] | undefined): ProtocolVocabulary[] {
  if (kinds === undefined) return [...vocabulary.values()];
  return kinds.flatMap((kind) => vocabulary.get(kind) ?? []);
}
