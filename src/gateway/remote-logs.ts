/** The logs of a gateway as whoever copies them reaches them: over its API, or where they lie. What comes is untrusted. */
export interface RemoteLogs {
  list(): Promise<{ readonly logs: readonly { readonly number: number }[]; readonly rotations: number }>;
  /** A file of the logs; null: it is not there, or not any more. At most `limit` bytes. */
  file(path: string, limit: number): Promise<Buffer | null>;
}
