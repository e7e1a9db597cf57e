/** The composition root. Entry point of the domain; loaded by dynamic import only, so that other commands do not pay for it. */
export { type RunningGateway, type StartGatewayOptions, startGateway } from './start-gateway.js';
