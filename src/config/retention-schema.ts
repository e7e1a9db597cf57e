/** The `retention` section: how long records are kept, by type, and by target where one has periods of its own. */
import { z } from 'zod';
import { LEAST_LOG_PERIOD_MS } from '../contract/retention.js';
import { duration, name, optionalDuration, path } from './schema-fields.js';

const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;
const LONGEST = 36_500 * DAY;

const period = (fallback: string, description: string) => duration(fallback, description, SECOND, LONGEST);

const own = (description: string) => optionalDuration(description, SECOND, LONGEST);

const target = z.strictObject({
  target: name('Name of the target.', ['bank-db']),
  recordings: own('As `retention.recordings`, for this target.'),
  approvals: own('As `retention.approvals`, for this target.'),
  index: own('As `retention.index`, for this target.'),
});

export const retentionSection = z
  .strictObject({
    recordings: period('400d', 'How long what sessions recorded can be read, from the end of the session.'),
    approvals: period('2557d', 'How long requests for approval are kept, from when they ended.'),
    index: period('400d', 'How long operations are found by `gw sessions search`.'),
    log: optionalDuration('How long entries of the audit log itself are kept, at least. Left out: for ever.', LEAST_LOG_PERIOD_MS, LONGEST),
    logSeenBy: z
      .array(path('Directory with cosigned checkpoints (`gw audit cosign --to`), or copy of the logs (`gw audit mirror --to`).'))
      .max(16)
      .default([])
      .meta({ description: 'Entries of the audit log stay until the checkpoints in each of these directories cover them.' }),
    targets: z.array(target).max(10_000).default([]).meta({ description: 'Targets with periods of their own; what one leaves out is as above.' }),
  })
  .prefault({})
  .meta({ description: 'How long records are kept. Legal holds come before it.' });
