/**
 * Logins of people who have nothing to show but a browser (RFC 8628, the device grant), begun by the gateway for clients that can show a text:
 * the provider gives a code and an address, the person confirms it anywhere, and the gateway asks the provider until then. What comes back is a
 * token like any other: it is verified as one, and nothing is believed of the provider's answers but where to send the person.
 *
 * Anybody who reaches the port can begin one, so few run at a time, each ends with its connection, and none lives longer than `LONGEST_MS`.
 */
import type { Clock } from '../base/clock.js';
import { pause } from '../base/pause.js';
import { Secret } from '../base/secret.js';
import { visible } from '../base/visible-text.js';
import { GwError } from '../contract/gw-error.js';
import type { DeviceLogin, DeviceLogins } from '../contract/identity.js';
import type { IssuerSettings } from '../contract/settings.js';
import { createIssuerFetch, postForm } from './issuer-fetch.js';

const AT_ONCE = 32;
const LONGEST_MS = 5 * 60_000;
/** Unless the provider names another (section 3.2). */
const INTERVAL_S = 5;
const SLOWER_S = 5;
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const TEXT_LIMIT = 2_048;

export interface DeviceLoginsOptions {
  /** The issuer at which people log in, by the configuration in force; null: none does. */
  issuer(): IssuerSettings | null;
  readonly clock: Clock;
}

type Answer = Readonly<Record<string, unknown>>;

export function createDeviceLogins({ issuer: current, clock }: DeviceLoginsOptions): DeviceLogins {
  let running = 0;
  return {
    get possible() {
      return current()?.login !== undefined && current()?.login !== null;
    },
    begin: async (signal) => {
      const issuer = current();
      if (issuer === null || issuer.login === null) throw new GwError('login.required', 'Nobody logs in with a browser here.');
      if (running >= AT_ONCE)
        throw new GwError('session.limit', 'Too many people are logging in with a browser at this moment.', { hint: 'Try again in a minute.' });
      running++;
      const over = (): void => {
        running--;
      };
      signal.addEventListener('abort', over, { once: true });
      if (signal.aborted) throw new GwError('login.failed', 'The client left.');
      return begin(issuer, issuer.login, clock, signal);
    },
  };
}

async function begin(
  issuer: IssuerSettings,
  { clientId, scopes }: NonNullable<IssuerSettings['login']>,
  clock: Clock,
  signal: AbortSignal,
): Promise<DeviceLogin> {
  const described = (await about(issuer, () => createIssuerFetch(issuer.ca)(`${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`))) as Answer;
  if (described['issuer'] !== issuer.issuer) throw unusable('it describes itself as another one');
  const endpoint = (name: string): string => {
    const url = text(described, name);
    const from = new URL(issuer.issuer);
    // Never less protected than the issuer itself.
    if (url === null || new URL(url).protocol !== from.protocol) throw unusable(`it names no ${name}`);
    return url;
  };
  const [authorization, token] = [endpoint('device_authorization_endpoint'), endpoint('token_endpoint')];
  const scope = [...new Set(['openid', ...scopes])].filter((each) => each !== 'offline_access').join(' ');
  const { body: asked } = await about(issuer, () => postForm(authorization, { client_id: clientId, scope }, issuer.ca, signal));
  const [device, code, url] = [text(asked, 'device_code'), text(asked, 'user_code'), text(asked, 'verification_uri')];
  if (device === null || code === null || url === null) throw unusable('it gave no code');
  const lifeMs = Math.min(LONGEST_MS, number(asked, 'expires_in', LONGEST_MS / 1000) * 1000);
  const expiresAt = clock.now() + lifeMs;
  const poll = { token, form: { grant_type: GRANT, device_code: device, client_id: clientId }, intervalS: number(asked, 'interval', INTERVAL_S), expiresAt };
  return {
    code: visible(code),
    url: visible(url),
    completeUrl: text(asked, 'verification_uri_complete') === null ? null : visible(text(asked, 'verification_uri_complete') ?? ''),
    expiresAt,
    token: () => tokenOf(issuer, poll, clock, signal),
  };
}

interface Poll {
  readonly token: string;
  readonly form: Readonly<Record<string, string>>;
  readonly intervalS: number;
  readonly expiresAt: number;
}

/** Asks until the person has decided (section 3.5). */
async function tokenOf(issuer: IssuerSettings, { token, form, intervalS, expiresAt }: Poll, clock: Clock, signal: AbortSignal): Promise<Secret> {
  let interval = intervalS;
  while (clock.now() < expiresAt) {
    await pause(interval * 1000, signal);
    if (signal.aborted) throw new GwError('login.failed', 'The client left.');
    const { status, body } = await about(issuer, () => postForm(token, form, issuer.ca, signal));
    const idToken = body['id_token'];
    if (status === 200 && typeof idToken === 'string') return new Secret(idToken);
    if (body['error'] === 'slow_down') interval += SLOWER_S;
    else if (body['error'] !== 'authorization_pending')
      throw new GwError('login.failed', body['error'] === 'access_denied' ? 'The login was refused in the browser.' : 'The identity provider gave no token.');
  }
  throw new GwError('login.failed', 'Nobody confirmed the code in time.', { hint: 'Connect again for a new one.' });
}

async function about<T>(issuer: IssuerSettings, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw cause instanceof GwError ? cause : new GwError('login.unavailable', `The identity provider ${issuer.issuer} cannot be asked.`, { cause });
  }
}

const unusable = (why: string): GwError => new GwError('login.unavailable', `The identity provider cannot be used for a login with a browser: ${why}.`);

function text(answer: Answer, name: string): string | null {
  const value = answer[name];
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LIMIT ? value : null;
}

function number(answer: Answer, name: string, otherwise: number): number {
  const value = answer[name];
  return typeof value === 'number' && value > 0 && value < 86_400 ? value : otherwise;
}
