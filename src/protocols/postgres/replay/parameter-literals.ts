/** Bound parameters as literals of SQL, in the order of `$1`, `$2` …; values in the binary format as the bytes that they are. Untrusted. */
import { readBoundParameters } from '../bound-parameters.js';

export function parameterLiterals(parameters: Uint8Array): readonly string[] | null {
  return (
    readBoundParameters(parameters, null)?.map(({ form, value }) => (form === 'null' ? 'NULL' : form === 'hex' ? `'\\x${value}'` : literal(value))) ?? null
  );
}

function literal(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`;
  return value.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}
