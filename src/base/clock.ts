/** Time as a dependency: domains take a `Clock` so that tests decide what time it is and nothing mocks globals. */
export interface Clock {
  /** Wall-clock time, milliseconds since the Unix epoch. May jump in both directions. */
  now(): number;
  /** Monotonic time in milliseconds with sub-millisecond digits; only differences mean anything. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
