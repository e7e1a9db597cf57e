import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

/** Where to write the results as JSON besides the terminal; `.ci/run` counts them. */
const report = process.env['GW_TEST_REPORT'];

/** What takes a minute and more begins first: begun late, one of these runs alone at the end while the other fork has nothing to do. */
const LONGEST = [
  'e2e/kill/kill',
  'redteam/red-team',
  'audit/forged-evidence',
  'gateway/audit',
  'evidence/mutations',
  'gateway/ssh-kill',
  'recording/kill',
  'gateway/key-rotation',
  'masking/worlds/two-worlds',
  'masking/generated-statements',
  'gateway/logged-completeness',
  'gateway/masked-sinks',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: Parameters<BaseSequencer['sort']>[0]): ReturnType<BaseSequencer['sort']> {
    const isLong = ({ moduleId }: (typeof files)[number]): boolean => LONGEST.some((name) => moduleId.endsWith(`/test/${name}.test.ts`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

// Real servers start in many of these suites, so files run in few forks and with generous limits; no test asserts on time. On two cores three
// forks take a sixth less time than two (92 s and 111 s for ten files): while one waits for a server or a disk, the others go on.
// One process for many files (`isolate: false`) is no faster, and what tests say of memory would be about all of them.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/data-directory.ts'],
    pool: 'forks',
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    disableConsoleIntercept: true,
    // They end what hangs. A machine that is busy with something else may take three times as long as one that is not.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
