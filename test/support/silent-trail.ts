/** The log where a test is about something else. */
export const silentTrail = { ready: () => undefined, event: () => undefined, catchUp: () => Promise.resolve() };
