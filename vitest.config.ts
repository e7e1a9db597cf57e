import { defineConfig } from 'vitest/config';

/** Where to write the results as JSON besides the terminal; `.ci/run` counts them. */
const report = process.env['GW_TEST_REPORT'];

// Real servers start in many of these suites, so files run in few forks and with generous limits; no test asserts on time.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    disableConsoleIntercept: true,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
