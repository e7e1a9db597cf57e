/** The verifier that was written from the specifications alone, in Python with its standard library and openssl. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { runProgram } from '../support/run-program.js';

const PROGRAM = join(import.meta.dirname, '..', 'formats', 'verify_log.py');

export interface OtherVerdict {
  /** Each once, sorted. */
  readonly claims: readonly string[];
  readonly text: string;
}

/** What it says of a data directory. */
export async function otherVerifier(dir: string, keys: string, checkpoints: readonly string[] = []): Promise<OtherVerdict> {
  const { code, stdout, stderr } = await runProgram('python3', [PROGRAM, dir, keys, ...checkpoints]);
  expect(stderr).toBe('');
  const problems = stdout.trim().split('\n').slice(0, -1);
  const claims = [...new Set(problems.map((line) => line.split(':')[0] as string))].sort();
  expect(code).toBe(claims.length === 0 ? 0 : 1);
  return { claims, text: stdout };
}
