/** The `identity` section: the issuers whose tokens are accepted, and how their claims become an identity. */
import { z } from 'zod';
import { isLoopbackHost } from '../base/loopback-host.js';
import { duration, expression, path, text } from './schema-fields.js';

/** Asymmetric signatures only: with a symmetric one whoever can verify a token could also make one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const;

const algorithm = z.enum(ALGORITHMS, {
  error: (issue) => {
    const given = String(issue.input);
    if (given.toLowerCase() === 'none') return '"none" is refused: an unsigned token proves nothing';
    if (/^HS\d+$/i.test(given))
      return `"${given}" is refused: with a shared key whoever verifies tokens can also forge them; use an asymmetric algorithm such as ES256`;
    return undefined;
  },
});

const issuerUrl = z
  .string()
  .max(2048)
  .superRefine((value, context) => {
    const url = URL.canParse(value) ? new URL(value) : null;
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) context.addIssue({ code: 'custom', message: 'must be an https URL' });
    else if (url.protocol === 'http:' && !isLoopbackHost(url.hostname)) {
      context.addIssue({
        code: 'custom',
        message:
          'must be https: over plain http anybody on the way could replace the keys that tokens are verified with (http is accepted for loopback addresses only)',
      });
    } else if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
      context.addIssue({ code: 'custom', message: 'must not have a query, a fragment or credentials' });
    }
  })
  .meta({
    description: 'The issuer, exactly as in the `iss` claim of its tokens. Its keys are found through `/.well-known/openid-configuration`.',
    examples: ['https://login.example.com'],
  });

const login = z
  .strictObject({
    clientId: text('Public client registered at this issuer for the `gw` command line (device code grant, no secret).', 255, ['gw-cli']),
    scopes: z
      .array(text('Scope.', 255))
      .min(1)
      .max(50)
      .default(['openid', 'profile', 'email', 'offline_access'])
      .meta({ description: 'Scopes that `gw login` asks for. `offline_access` lets the login renew itself silently.' }),
  })
  .meta({ description: 'Makes this the issuer that people log in with. At most one issuer has it.' });

const claims = z
  .strictObject({
    subject: expression('Text that names the subject for ever and never another one. Default: `claims.sub`. For CI systems use a numeric id, never a name.', [
      '"repository:" + string(claims.repository_id)',
    ]).optional(),
    name: expression('Short name for people to read; no decision depends on it. Default: `preferred_username`, else `name`, else the subject.', [
      'claims.preferred_username',
    ]).optional(),
    email: expression('E-mail address. Default: the claim `email`, if present.', ['claims.email']).optional(),
    emailVerified: expression('Whether the issuer has verified the address. Default: the claim `email_verified`, else false.', ['true']).optional(),
    groups: expression('List of group names that policy matches. Default: the claim `groups`, or none.', [
      'claims.groups',
      'has(claims.roles) ? claims.roles : []',
    ]).optional(),
    kind: expression('`person`, `service` or `agent`. Default: `person`.', ['"service"', 'has(claims.kind) ? claims.kind : "person"']).optional(),
    onBehalfOf: expression(
      'The human behind a service or agent: a subject of the same issuer, `{"issuer": …, "subject": …}`, or null. Default: the subject of a token with an `act` claim (RFC 8693), else nobody.',
      ['claims.actor_id', 'has(claims.owner) ? claims.owner : null'],
    ).optional(),
  })
  .prefault({})
  .meta({ description: 'How claims become an identity: CEL expressions over `claims`. An expression that fails refuses the token.' });

const issuer = z.strictObject({
  issuer: issuerUrl,
  audience: z
    .union([text('Audience.', 255), z.array(text('Audience.', 255)).min(1).max(20)])
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .meta({ description: 'Name (or names) under which this gateway is known to the issuer; a token must carry one of them in `aud`.', examples: ['gw'] }),
  algorithms: z
    .array(algorithm)
    .min(1)
    .default(['RS256', 'ES256', 'EdDSA'])
    .meta({ description: 'Signature algorithms that are accepted. Unsigned tokens and shared keys (`none`, `HS256` …) cannot be allowed.' }),
  login: login.optional(),
  authorizedParties: z.array(text('Client.', 255)).max(100).default([]).meta({
    description:
      'Clients whose tokens are accepted (claim `azp`). Empty: any client of this issuer; a token with several audiences must then name the login client or one of the audiences.',
  }),
  require: z
    .array(expression('CEL expression over `claims`.'))
    .max(50)
    .default([])
    .meta({
      description:
        'CEL expressions over `claims` that must all be true, or the token is refused. For public CI issuers bind to a numeric owner or repository id here.',
      examples: [['claims.repository_owner_id == "1234567"', 'claims.event_name != "pull_request"']],
    }),
  claims,
  ca: path("PEM file of certificate authorities that vouch for the issuer's TLS certificate, instead of the public ones.").optional(),
});

export const identitySection = z
  .strictObject({
    clockSkew: duration('30s', 'How far the clocks of issuer and gateway may differ.', 0, 300_000),
    issuers: z
      .array(issuer)
      .min(1, 'needs at least one issuer, or nobody could log in')
      .max(100)
      .meta({ description: 'Issuers whose tokens are accepted. A subject is always the pair of issuer and subject.' }),
  })
  .meta({ description: 'Who is believed about who somebody is.' });
