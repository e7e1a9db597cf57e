/**
 * What of a command line is gw's and what is another program's: everything after the first `--` is passed on untouched. `--listen` may
 * stand alone or before a port, which the flag parser cannot say.
 */
export interface SplitLine {
  readonly own: readonly string[];
  /** Null: there was no `--`. */
  readonly rest: readonly string[] | null;
}

export function splitLine(argv: readonly string[]): SplitLine {
  const end = argv.indexOf('--');
  return end === -1 ? { own: argv, rest: null } : { own: argv.slice(0, end), rest: argv.slice(end + 1) };
}

/** `--listen` → `--listen=0`, `--listen 5432` → `--listen=5432`. */
export function withListenPort(own: readonly string[]): string[] {
  const result: string[] = [];
  for (let index = 0; index < own.length; index++) {
    const word = own[index] ?? '';
    const next = own[index + 1] ?? '';
    if (word !== '--listen') result.push(word);
    else if (/^\d{1,5}$/.test(next)) {
      result.push(`--listen=${next}`);
      index++;
    } else result.push('--listen=0');
  }
  return result;
}
