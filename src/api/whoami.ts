/** GET /api/v1/whoami — the caller as the gateway sees it. Also makes the subject known, so that it can be listed and locked. */
import type { WhoAmI } from '../contract/api-types.js';
import { authenticationOf } from '../contract/authentication.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';

export function whoamiRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/whoami',
    audit: null,
    handle: async ({ caller }) => {
      const { identity, roles } = caller;
      await services.subjects.seen(identity);
      return {
        issuer: identity.issuer,
        subject: identity.subject,
        kind: identity.kind,
        name: identity.name,
        email: identity.email,
        groups: identity.groups,
        onBehalfOf: identity.onBehalfOf?.subject ?? null,
        ...authenticationOf(identity.claims),
        expiresAt: new Date(identity.expiresAt).toISOString(),
        roles,
      } satisfies WhoAmI;
    },
  };
}
