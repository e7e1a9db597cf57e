/** What a token says of how somebody logged in, and what of it is taken. */
import { expect, it } from 'vitest';
import { authenticationFields, authenticationOf } from '../../src/contract/authentication.js';

it.each([
  [
    { amr: ['pwd', 'otp', 'mfa'], acr: 'urn:bank:strong' },
    { amr: ['pwd', 'otp', 'mfa'], acr: 'urn:bank:strong' },
  ],
  [{ amr: 'mfa' }, { amr: ['mfa'] }],
  [{ acr: '0' }, { acr: '0' }],
  [{}, {}],
  [{ amr: [], acr: '' }, {}],
  [{ amr: null, acr: 2 }, {}],
  [{ amr: { mfa: true }, acr: ['a'] }, {}],
  // What is not a word would say two things in one, or draw on the terminal of whoever reads it.
  [{ amr: ['pwd mfa', 'a\u001b[2J', 'a\nb', 'ä', 'x'.repeat(129), 7, 'otp'] }, { amr: ['otp'] }],
  [{ amr: Array.from({ length: 100 }, (_, at) => `m${at}`) }, { amr: Array.from({ length: 16 }, (_, at) => `m${at}`) }],
])('of %j it takes %j', (claims, taken) => {
  expect(authenticationOf(claims)).toEqual(taken);
  const { amr, ...rest } = taken as { amr?: string[]; acr?: string };
  expect(authenticationFields(authenticationOf(claims))).toEqual({ ...rest, ...(amr === undefined ? {} : { amr: amr.join(' ') }) });
});
