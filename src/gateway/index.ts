/** The composition root. Entry point of the domain; loaded by dynamic import only, so that other commands do not pay for it. */
export { type RunningGateway, startGateway, type StartGatewayOptions } from './start-gateway.js';
