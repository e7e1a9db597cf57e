/** gateway.yaml: schema, defaults, checks with positions, and the JSON schema and reference that come from them. */
export { type AddressRange, createAddressFilter, parseAddressRange } from './address-filter.js';
export { readEnvironment } from './environment.js';
export type { ConfigProtocol, ConfigProtocols, EncryptionSettings, GatewayConfig, NativeListener, RoleMembers } from './gateway-config.js';
export { gatewaySchema, type JsonSchema } from './gateway-json-schema.js';
export { formatHostPort, type HostPort, parseHostPort } from './host-port.js';
export { type ConfigCheck, checkGatewayConfig, type LoadOptions, loadGatewayConfig } from './load-gateway-config.js';
