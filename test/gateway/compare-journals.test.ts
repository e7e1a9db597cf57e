/** What the logs say of journals that nothing is left of. */
import { expect, it } from 'vitest';
import { compareJournals } from '../../src/gateway/compare-journals.js';
import { openTrail, session, verify, withDirectory } from '../audit/log-world.js';

it('misses a journal that was taken away as a whole before anything of it was sealed', () =>
  withDirectory(async (dir) => {
    const trail = await openTrail(dir, 0, 'wrk_a');
    session(trail, 'ses_1', 1);
    session(trail, 'ses_2', 2);
    await trail.synced();
    // While it is written, its directory may be younger than the look at the directories.
    expect(compareJournals(await verify(dir), []).map(({ message }) => message)).toEqual([]);
    await trail.close();
    const report = await verify(dir);
    expect(report.problems).toEqual([]);
    expect(compareJournals(report, []).map(({ claim, message }) => `${claim}: ${message}`)).toEqual([
      'journal: the log has 2 sessions of the journal wrk_a, of which nothing is here',
    ]);
  }));
