/** Sinks from the validated file to the settings of the audit domain. Pure. */
import { resolve } from 'node:path';
import type { SinkSettings } from '../contract/settings.js';
import type { ParsedGatewayFile } from './gateway-schema.js';
import { parseHostPort } from './host-port.js';
import { secretSource } from './secret-source.js';
import { FACILITIES } from './sinks-schema.js';

/** Where a receiver listens when its address names no port (RFC 5425 section 4.1; RFC 6587 names none, 601 is syslog over TCP at IANA). */
export const SYSLOG_PORTS = { tls: 6514, tcp: 601 } as const;

type ParsedSinks = ParsedGatewayFile['sinks'];

export function sinkSettings({ files, syslog, webhooks }: ParsedSinks, directory: string): SinkSettings[] {
  const optional = (path: string | undefined): string | null => (path === undefined ? null : resolve(directory, path));
  return [
    ...files.map((each): SinkSettings => {
      const { path, rotateAt, keep } = each;
      return { ...common(each), to: { kind: 'file', path: resolve(directory, path), rotateBytes: rotateAt, keep: keep === 0 ? null : keep } };
    }),
    ...syslog.map((each): SinkSettings => {
      const { server, transport, ca, client, facility, appName } = each;
      // The checks have seen to it that it is an address.
      const { host, port } = parseHostPort(server, SYSLOG_PORTS[transport]) ?? { host: '', port: 0 };
      const shown = client === undefined ? null : { certificate: resolve(directory, client.certificate), key: resolve(directory, client.key) };
      return {
        ...common(each),
        to: { kind: 'syslog', host, port, tls: transport === 'tls', ca: optional(ca), client: shown, facility: FACILITIES[facility], appName },
      };
    }),
    ...webhooks.map((each): SinkSettings => {
      const { url, secret, ca } = each;
      return { ...common(each), to: { kind: 'webhook', url: secretSource(url, directory), secret: secretSource(secret, directory), ca: optional(ca) } };
    }),
  ];
}

function common({
  name,
  format,
  events,
  sensitive,
  begin,
  alarm,
}: ParsedSinks['files'][number] | ParsedSinks['syslog'][number] | ParsedSinks['webhooks'][number]) {
  return { name, format, events, sensitive, begin, alarmMs: alarm };
}
