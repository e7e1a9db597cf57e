/** `host:port` as configuration writes it: `127.0.0.1:7443`, `[::1]:7443`, `db.internal:5432`, `0.0.0.0:7432`. Parsed once at load. */
export interface HostPort {
  /** Name or address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const FORM = /^(?:\[([0-9A-Fa-f:.%]{2,64})\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?))(?::(\d{1,5}))?$/;

/**
 * Parses `text`, or gives null. Without a port `fallbackPort` holds; null there makes the port mandatory.
 * Port 0 ("any free one") is for listeners only, so callers that dial must refuse it.
 */
export function parseHostPort(text: string, fallbackPort: number | null = null): HostPort | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const port = match[3] === undefined ? fallbackPort : Number(match[3]);
  if (port === null || port > 65_535) return null;
  return { host: match[1] ?? match[2] ?? '', port };
}

/** The inverse of `parseHostPort`: brackets around an IPv6 address. */
export function formatHostPort(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
