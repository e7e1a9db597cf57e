/** One line of `gw doctor`. */
export interface Finding {
  readonly check: string;
  readonly result: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What helps; null when nothing needs to be done. */
  readonly next: string | null;
}
