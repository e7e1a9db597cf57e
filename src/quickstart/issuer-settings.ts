/**
 * How the provider behaves: the device grant for people (public client, rotating refresh tokens), client credentials for machines (JWT
 * access tokens for the gateway), revocation, ES256 throughout. Nothing else of the library is switched on.
 */
import type { Configuration, interactionPolicy as InteractionPolicy, KoaContextWithOIDC } from 'oidc-provider';
import { type IssuerKeys, SIGNING_ALGORITHM } from './issuer-keys.js';
import { issuerMemory } from './issuer-memory.js';
import { codeConfirmPage, codeInputPage, donePage, PAGE_HEADERS, problemPage } from './issuer-pages.js';
import { GATEWAY_AUDIENCE, GATEWAY_RESOURCE, LOGIN_CLIENT, MACHINES, machineClaims, PEOPLE, personClaims, SCOPES, TOKEN_SECONDS } from './principals.js';

const DAY = 86_400;

/** @param interactionPolicy the library's own, handed in because the library is loaded late and quietly */
export function issuerSettings(keys: IssuerKeys, interactionPolicy: typeof InteractionPolicy): Configuration {
  return {
    adapter: issuerMemory(),
    jwks: { keys: [keys.signing] },
    cookies: { keys: [keys.cookie.expose()] },
    clients: [loginClient(), ...machineClients(keys)],
    clientDefaults: { id_token_signed_response_alg: SIGNING_ALGORITHM },
    enabledJWA: { idTokenSigningAlgValues: [SIGNING_ALGORITHM] },
    scopes: [...SCOPES],
    // Everything about a person goes with `openid`: a gateway that asks for less would get identities it cannot use.
    claims: { openid: ['sub', 'preferred_username', 'name', 'email', 'email_verified', 'groups', 'kind', 'amr'], profile: [], email: [], groups: [] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => {
      const person = PEOPLE.find(({ name }) => name === id);
      return person === undefined ? undefined : { accountId: id, claims: () => ({ sub: id, ...personClaims(person) }) };
    },
    extraTokenClaims: (_, token) => {
      const machine = token.kind === 'ClientCredentials' ? MACHINES.find(({ name }) => name === token.clientId) : undefined;
      return machine === undefined ? undefined : machineClaims(machine);
    },
    issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    // Whoever comes with a valid code and picks a person has consented; the development login has no second question.
    loadExistingGrant: existingGrant,
    interactions: { policy: policy(interactionPolicy), url: (_, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx, form, _, error) =>
          show(
            ctx,
            codeInputPage(form, error === undefined ? null : 'That code is not valid, or it is used up or too old. Enter the code that gw login shows.'),
          ),
        userCodeConfirmSource: (ctx, form, client, _, code) => show(ctx, codeConfirmPage(form, client.clientName ?? client.clientId, code)),
        successSource: (ctx) => show(ctx, donePage()),
      },
      clientCredentials: { enabled: true },
      // Each client may end its own tokens.
      revocation: { enabled: true, allowedPolicy: (_, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, client) => (client?.clientId === LOGIN_CLIENT ? [] : GATEWAY_RESOURCE),
        getResourceServerInfo: () => ({
          scope: '',
          audience: GATEWAY_AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: TOKEN_SECONDS,
          jwt: { sign: { alg: SIGNING_ALGORITHM } },
        }),
      },
    },
    renderError: (ctx, out) => show(ctx, problemPage('That did not work', out.error_description ?? out.error)),
    ttl: {
      AccessToken: TOKEN_SECONDS,
      ClientCredentials: TOKEN_SECONDS,
      IdToken: TOKEN_SECONDS,
      DeviceCode: 600,
      Interaction: 600,
      Session: 3_600,
      Grant: 30 * DAY,
      RefreshToken: 30 * DAY,
    },
  };
}

function loginClient(): NonNullable<Configuration['clients']>[number] {
  return {
    client_id: LOGIN_CLIENT,
    client_name: 'gw login',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    response_types: [],
    redirect_uris: [],
  };
}

function machineClients(keys: IssuerKeys): ReturnType<typeof loginClient>[] {
  const clients: ReturnType<typeof loginClient>[] = [];
  for (const [name, secret] of keys.clientSecrets) {
    clients.push({
      client_id: name,
      client_secret: secret.expose(),
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    });
  }
  return clients;
}

/**
 * The usual policy, with two changes: every login asks who it is (otherwise the browser's session would log bob in as alice), and a
 * consent that was asked for (`prompt=consent`, for refresh tokens) is given together with the login.
 */
function policy(interactionPolicy: typeof InteractionPolicy): InteractionPolicy.DefaultPolicy {
  const prompts = interactionPolicy.base();
  prompts.get('consent')?.checks.clear();
  const { Check } = interactionPolicy;
  prompts
    .get('login')
    ?.checks.add(
      new Check('pick_person', 'a development login asks each time', 'login_required', (ctx) =>
        ctx.oidc.result?.login === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    );
  return prompts;
}

async function existingGrant(ctx: KoaContextWithOIDC) {
  const { client, session, provider } = ctx.oidc;
  if (client === undefined || session?.accountId === undefined) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(SCOPES.join(' '));
  await grant.save();
  return grant;
}

function show(ctx: KoaContextWithOIDC, html: string): void {
  ctx.set(PAGE_HEADERS);
  ctx.body = html;
}
