/** Untrusted input through a schema: what comes out has the type, what does not fit is refused with the place where it fails. */
import type { z } from 'zod';
import { GwError } from '../contract/gw-error.js';

/** @throws GwError `usage.invalid` */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const place = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
  throw new GwError('usage.invalid', `The ${what} of the request is not valid${place}: ${issue?.message ?? 'unknown problem'}.`);
}
