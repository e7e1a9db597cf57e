import { defineConfig } from 'vitest/config';

// Real servers start in many of these suites, so files run in few forks and with generous limits; no test asserts on time.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
