/** The registry of protocols in the forms in which configuration, policy and path want it. */
import type { ConfigProtocols } from '../config/index.js';
import type { Protocol } from '../contract/protocol.js';
import { protocols } from '../protocols/index.js';

export const protocolsByKind: ReadonlyMap<string, Protocol> = new Map(protocols.map((protocol) => [protocol.kind, protocol]));

export const protocolDescriptors = protocols.map(({ descriptor }) => descriptor);

export const configProtocols: ConfigProtocols = Object.fromEntries(
  protocols.map(({ kind, descriptor, optionsSchema, parseOptions, authorities }) => [
    kind,
    { parseOptions, optionsSchema, defaultPort: descriptor.defaultPort, certificates: authorities !== null },
  ]),
);
