/** What sessions go to: the registry, the credentials, and the way there. */
export { type CommandOptions, runCredentialCommand } from './command-credential.js';
export { type DialOptions, dial } from './direct-connector.js';
export { type ReadEnvironment, readSecret } from './read-secret.js';
export { createTargets, type TargetRegistry } from './target-registry.js';
