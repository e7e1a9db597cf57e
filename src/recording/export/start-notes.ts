/** Who, on whose behalf, where, why: the head of an export, one line each. Untrusted texts are made visible. */
import { visible } from '../../base/visible-text.js';
import type { SessionStart } from '../../contract/recording.js';

export function startNotes(start: SessionStart): readonly string[] {
  const { identity } = start;
  const behalf = identity.onBehalfOf;
  const told: readonly (readonly [string, string | null])[] = [
    [
      'session',
      `${start.session} on ${start.target}${start.account === undefined ? '' : ` as ${start.account}`} (${start.protocol}, ${start.via}${start.readOnly === true ? ', read-only connection' : ''})`,
    ],
    ['who', `${identity.name} (${identity.kind}) ${identity.issuer}#${identity.subject}`],
    ['on behalf of', behalf === null ? null : `${behalf.subject}${behalf.verified ? '' : ' (as it says itself: not verified)'}`],
    ['reason', start.reason],
    ['from', [start.clientAddress, start.client ?? ''].filter((part) => part !== '').join(', ')],
    ['started', new Date(start.startedAt).toISOString()],
  ];
  return told.flatMap(([name, value]) => (value === null || value === '' ? [] : [visible(`${name}: ${value}`)]));
}
