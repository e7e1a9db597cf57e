/** A login as it is kept on this machine, and the port to where it is kept. The CLI implements the port over keychain and files. */
export interface StoredLogin {
  readonly version: 1;
  /** Origin of the gateway that this login is for. */
  readonly gateway: string;
  readonly method: 'device' | 'client-credentials' | 'token-file';
  readonly issuer: string;
  readonly clientId: string;
  readonly subject: string;
  readonly name: string;
  readonly audience: string;
  readonly scopes: readonly string[];
  /** What the gateway is shown. Empty for `token-file`, where it is read afresh each time. */
  readonly token: string;
  readonly refreshToken: string | null;
  /** Milliseconds since the epoch. */
  readonly obtainedAt: number;
  readonly expiresAt: number;
  /** Path of the file that holds the client secret; the secret itself is not copied. */
  readonly secretFile: string | null;
  readonly tokenFile: string | null;
}

export interface LoginStore {
  /** @throws GwError `login.store` when something is there but cannot be read. */
  read(gateway: string): Promise<StoredLogin | null>;
  /** Returns in words where it went. */
  write(login: StoredLogin): Promise<string>;
  /** Whether there was one. */
  remove(gateway: string): Promise<boolean>;
}

/** Serialises work on one gateway's login across processes of this user, so that a rotating refresh token is spent once. */
export type LoginLock = <T>(gateway: string, work: () => Promise<T>) => Promise<T>;
