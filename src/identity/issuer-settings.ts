/** What the identity domain must be told about each issuer it trusts. The configuration produces it; expressions are CEL over `claims`. */
export interface ClaimMappings {
  /** Default: `claims.sub`. Must give a text that names the subject for ever and never another one. */
  readonly subject?: string;
  /** Default: `preferred_username`, else `name`, else the subject. */
  readonly name?: string;
  /** Default: the claim `email` when there is one. */
  readonly email?: string;
  /** Default: the claim `email_verified`. */
  readonly emailVerified?: string;
  /** Default: the claim `groups`, or none. */
  readonly groups?: string;
  /** Default: `person`. */
  readonly kind?: string;
  /** Default: from an `act` claim (RFC 8693), else nobody. Gives a subject, `{"issuer": …, "subject": …}`, or null. */
  readonly onBehalfOf?: string;
}

export interface IssuerSettings {
  /** Exactly as in the `iss` claim. */
  readonly issuer: string;
  /** One of these must be in the `aud` claim. */
  readonly audience: readonly string[];
  readonly algorithms: readonly string[];
  /** The public client that people log in with here; null when people do not. */
  readonly login: { readonly clientId: string; readonly scopes: readonly string[] } | null;
  /** Values that the `azp` claim may have. Empty: only checked when a token has several audiences. */
  readonly authorizedParties: readonly string[];
  /** All must be true. */
  readonly require: readonly string[];
  readonly claims: ClaimMappings;
  /** Absolute path of a PEM bundle that vouches for the issuer's TLS certificate instead of the public authorities; null: those. */
  readonly ca: string | null;
}
