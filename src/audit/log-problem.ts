/** What can be wrong with a log: which claim failed, where, and in words. The claims are stable words. */
export const CLAIMS = {
  signature: 'the checkpoint is signed by a key that counts',
  checkpoint: 'the tiles give the root of the checkpoint',
  tile: 'every tile is there, and is what the entries give',
  entry: 'every entry is there, unchanged and in canonical form',
  order: 'entries say their own place, and time does not go back',
  tail: 'the log ends with its own end, or lives',
  fork: 'the log continues everything that was ever seen of it',
  timestamp: 'every timestamp is there, is one of a checkpoint of the log by an authority given, and the times of entries fit it',
  log: 'every log that another log speaks of is there',
  session: 'every session has a beginning, an end and all its entries',
  segment: 'every sealed segment of a journal is in the log, and is the one that the log says',
  event: 'the audit events of a journal are those that the log has of it',
  journal: 'the journals verify',
  retention: 'what was erased, expired or pruned was not held, was due, and the log says so',
  witness: 'each witness whose key is given cosigned a checkpoint of each log that is given',
} as const;

export type Claim = keyof typeof CLAIMS;

export interface LogProblem {
  readonly claim: Claim;
  /** Origin of the log, or the name of its directory when it has none. */
  readonly log: string;
  /** Index of the entry, or null. */
  readonly index: number | null;
  readonly message: string;
}
