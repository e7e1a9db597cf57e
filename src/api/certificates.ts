/**
 * /api/v1/certificates: a certificate with which a client without gw logs in on a native port, for as long as the login lasts that asks for it;
 * and the public keys by which targets can know the gateway. A certificate gives no right: policy decides at each connection, as always.
 */
import { z } from 'zod';
import type { AuthorityList, IssuedCertificate } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { isReachable } from './is-reachable.js';
import { validate } from './validate.js';

const NAMES = 250;
const issueBody = z.strictObject({
  protocol: z.string().min(1).max(63),
  publicKey: z.string().min(1).max(8_192),
  targets: z.array(z.string().min(1).max(128)).min(1).max(NAMES).optional(),
});

export function certificateRoutes(services: ApiServices): ApiRoute[] {
  return [
    {
      method: 'GET',
      url: '/api/v1/certificates/authorities',
      audit: null,
      handle: () => Promise.resolve({ authorities: services.certificates.authorities() } satisfies AuthorityList),
    },
    {
      method: 'POST',
      url: '/api/v1/certificates',
      audit: 'certificate.issue',
      handle: async ({ caller: { identity }, body, audit }) => {
        const { protocol, publicKey, targets } = validate(issueBody, body, 'body');
        const reachable = services
          .settings()
          .targets.filter((target) => target.protocol === protocol && isReachable(services.policy.current().view(identity, target)))
          .map(({ name }) => name);
        const names = targets === undefined ? reachable : [...new Set(targets)];
        const stranger = names.find((name) => !reachable.includes(name));
        if (stranger !== undefined)
          throw new GwError('target.unknown', `There is no target "${stranger.replaceAll(/[^\x20-\x7e]/g, '?')}" that you can reach in this protocol.`);
        if (names.length === 0) throw new GwError('target.unknown', 'There is no target that you can reach in this protocol.');
        if (names.length > NAMES)
          throw new GwError('usage.invalid', `A certificate is for at most ${NAMES} targets, and you can reach more.`, { hint: 'Name those that you want.' });
        const serial = services.certificates.newSerial();
        const certificate = services.certificates.issue({ identity, protocol, publicKey, targets: names, serial });
        const expiresAt = new Date(identity.expiresAt).toISOString();
        await audit('certificate.issue', { protocol, serial: String(serial), targets: names.join(', ').slice(0, 2_000), expiresAt });
        return { certificate, serial: String(serial), targets: names, expiresAt } satisfies IssuedCertificate;
      },
    },
  ];
}
