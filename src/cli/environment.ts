/**
 * The only reader of the process environment on the CLI's side: names every variable that gw looks at, and hands on plain values. What
 * holds a secret is listed once, so that it can be kept from the programs that gw starts.
 */
import type { CiIdentity } from '../client/ci-token.js';

export interface Environment {
  readonly gateway: string | null;
  readonly context: string | null;
  readonly target: string | null;
  readonly caFile: string | null;
  readonly idToken: string | null;
  readonly idTokenFile: string | null;
  readonly clientId: string | null;
  readonly clientSecret: string | null;
  readonly clientSecretFile: string | null;
  readonly issuer: string | null;
  /** `keychain` | `file`: where logins go; null: keychain when there is one. */
  readonly keyring: string | null;
  readonly keyringPassphrase: string | null;
  readonly noInput: boolean;
  readonly debug: boolean;
  readonly ci: boolean;
  readonly ciIdentity: CiIdentity | null;
  readonly configHome: string | null;
  readonly stateHome: string | null;
  readonly runtimeDir: string | null;
  readonly dbus: boolean;
  readonly overSsh: boolean;
  readonly display: boolean;
  readonly noColor: boolean;
  readonly dumbTerminal: boolean;
  readonly path: string;
}

/** Variables that let their holder act as the user at the gateway; children never see them. */
export const SECRET_VARIABLES = ['GW_ID_TOKEN', 'GW_CLIENT_SECRET', 'GW_KEYRING_PASSPHRASE', 'GITLAB_OIDC_TOKEN', 'CI_JOB_JWT_V2'] as const;

/** Names of the variables that configure gw, for help and `gw config`. */
export const VARIABLES: Readonly<Record<string, string>> = {
  GW_GATEWAY: 'URL of the gateway',
  GW_CONTEXT: 'context to use',
  GW_TARGET: 'target to use when a command names none',
  GW_CA_FILE: 'PEM file of the authorities to trust for gateways that have none of their own',
  GW_ID_TOKEN: 'token to present, as it is',
  GW_ID_TOKEN_FILE: 'file that holds the token to present, read at each use',
  GW_CLIENT_ID: 'client id of a service (client credentials)',
  GW_CLIENT_SECRET: 'client secret of a service',
  GW_CLIENT_SECRET_FILE: 'file that holds the client secret of a service',
  GW_ISSUER: 'issuer of a service, when it is not the one the gateway names',
  GW_KEYRING: 'where logins are kept: keychain or file',
  GW_KEYRING_PASSPHRASE: 'passphrase under which logins are kept in an encrypted file',
  GW_NO_INPUT: 'never prompt',
  GW_DEBUG: 'print stack traces',
};

type Variables = Readonly<Record<string, string | undefined>>;

function ciIdentity(read: (name: string) => string | null): CiIdentity | null {
  const requestUrl = read('ACTIONS_ID_TOKEN_REQUEST_URL');
  const requestToken = read('ACTIONS_ID_TOKEN_REQUEST_TOKEN');
  if (requestUrl !== null && requestToken !== null) return { kind: 'github', requestUrl, requestToken };
  if (read('GITLAB_CI') === null) return null;
  for (const variable of ['GITLAB_OIDC_TOKEN', 'CI_JOB_JWT_V2']) {
    const token = read(variable);
    if (token !== null) return { kind: 'gitlab', variable, token };
  }
  return null;
}

export function readEnvironment(variables: Variables = process.env): Environment {
  const read = (name: string): string | null => {
    const value = variables[name];
    return value === undefined || value === '' ? null : value;
  };
  const isSet = (name: string): boolean => {
    const value = read(name);
    return value !== null && value !== '0' && value.toLowerCase() !== 'false';
  };
  return {
    gateway: read('GW_GATEWAY'),
    context: read('GW_CONTEXT'),
    target: read('GW_TARGET'),
    caFile: read('GW_CA_FILE'),
    idToken: read('GW_ID_TOKEN'),
    idTokenFile: read('GW_ID_TOKEN_FILE'),
    clientId: read('GW_CLIENT_ID'),
    clientSecret: read('GW_CLIENT_SECRET'),
    clientSecretFile: read('GW_CLIENT_SECRET_FILE'),
    issuer: read('GW_ISSUER'),
    keyring: read('GW_KEYRING'),
    keyringPassphrase: read('GW_KEYRING_PASSPHRASE'),
    noInput: isSet('GW_NO_INPUT'),
    debug: isSet('GW_DEBUG'),
    ci: isSet('CI'),
    ciIdentity: ciIdentity(read),
    configHome: read('XDG_CONFIG_HOME'),
    stateHome: read('XDG_STATE_HOME'),
    runtimeDir: read('XDG_RUNTIME_DIR'),
    dbus: read('DBUS_SESSION_BUS_ADDRESS') !== null,
    overSsh: read('SSH_CONNECTION') !== null || read('SSH_TTY') !== null,
    display: process.platform !== 'linux' || read('DISPLAY') !== null || read('WAYLAND_DISPLAY') !== null,
    noColor: read('NO_COLOR') !== null,
    dumbTerminal: read('TERM') === 'dumb',
    path: read('PATH') ?? '',
  };
}

/** The environment for a program that gw starts: the user's, without gw's own secrets, changed as the target's client needs it. */
export function childEnvironment(changes: Readonly<Record<string, string | null>>, variables: Variables = process.env): Record<string, string> {
  const result: Record<string, string> = {};
  const hidden = new Set<string>(SECRET_VARIABLES);
  for (const [name, value] of Object.entries(variables)) if (value !== undefined && !hidden.has(name)) result[name] = value;
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete result[name];
    else result[name] = value;
  }
  return result;
}
