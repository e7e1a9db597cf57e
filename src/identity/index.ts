/** Who is asking: tokens of trusted issuers in, verified identities out. */
export { type AuthenticatorOptions, createAuthenticator, type IssuerState, type TokenAuthenticator } from './authenticator.js';
export { checkClaimExpression } from './claim-expression.js';
export { createDeviceLogins } from './device-logins.js';
export { createIdentityPasses } from './identity-passes.js';
export { createIssuerFetch, type FetchJson } from './issuer-fetch.js';
