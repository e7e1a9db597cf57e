/**
 * Building blocks of the configuration's schema: texts with a form (duration, size, address, name, expression) that are parsed into
 * what the gateway counts in. Every field carries its description and default, because the reference and the JSON schema come from here.
 */
import { z } from 'zod';
import { formatByteSize, parseByteSize } from '../base/byte-size.js';
import { formatDuration, parseDuration } from '../base/duration.js';
import { parseAddressRange } from './address-filter.js';
import { parseHostPort } from './host-port.js';

// Control characters and the marks that reorder text would let a name in a log or a terminal look like another one.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** Whether `text` can be shown and logged as it is. */
function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

const described = <T extends z.ZodType>(schema: T, description: string, examples?: readonly string[]): T =>
  schema.meta({ description, ...(examples === undefined ? {} : { examples: [...examples] }) });

/** Text of 1 to `max` characters that can be printed. */
export function text(description: string, max = 255, examples?: readonly string[]) {
  return described(z.string().min(1).max(max).refine(isPrintable, 'must not hold control characters'), description, examples);
}

/** Path of a file or directory, relative to the configuration file. Resolved after validation. */
export function path(description: string) {
  return described(
    z
      .string()
      .min(1)
      .max(4096)
      .refine((value) => !value.includes('\0'), 'must not hold a NUL'),
    description,
  );
}

/** Milliseconds out of `30s`; `min` and `max` in milliseconds. */
export function duration(fallback: string, description: string, min: number, max: number) {
  return durationBetween(min, max).prefault(fallback).meta({ description, format: 'duration' });
}

/** The same where leaving it out means something else than a fixed time. */
export function optionalDuration(description: string, min: number, max: number) {
  return durationBetween(min, max).optional().meta({ description, format: 'duration' });
}

function durationBetween(min: number, max: number) {
  return z.string().transform((value, context) => {
    const ms = parseDuration(value);
    if (ms === null) context.addIssue({ code: 'custom', message: `"${value.slice(0, 64)}" is not a duration; write for example 500ms, 30s, 5m, 12h or 7d` });
    else if (ms < min || ms > max) context.addIssue({ code: 'custom', message: `must be from ${formatDuration(min)} to ${formatDuration(max)}` });
    else return ms;
    return z.NEVER;
  });
}

/** Bytes out of `64KiB`; `min` and `max` in bytes. */
export function byteSize(fallback: string, description: string, min: number, max: number) {
  const schema = z.string().transform((value, context) => {
    const bytes = parseByteSize(value);
    if (bytes === null) context.addIssue({ code: 'custom', message: `"${value.slice(0, 64)}" is not a size; write for example 512B, 64KiB or 16MiB` });
    else if (bytes < min || bytes > max) context.addIssue({ code: 'custom', message: `must be from ${formatByteSize(min)} to ${formatByteSize(max)}` });
    else return bytes;
    return z.NEVER;
  });
  return schema.prefault(fallback).meta({ description, format: 'byte-size' });
}

/** Whole number from `min` to `max`. */
export function count(fallback: number, description: string, min: number, max: number) {
  return z.int().min(min).max(max).default(fallback).meta({ description });
}

/** `host:port` to listen on. Port 0 takes any free one. */
export function listenAddress(description: string) {
  const schema = z.string().transform((value, context) => {
    const parsed = parseHostPort(value);
    if (parsed !== null) return parsed;
    context.addIssue({
      code: 'custom',
      message: `"${value.slice(0, 64)}" is not an address to listen on; write host:port, for example 127.0.0.1:7443 or [::]:7443`,
    });
    return z.NEVER;
  });
  return described(schema, description, ['127.0.0.1:7443', '[::]:7443']);
}

/** A range of addresses, as CIDR or a single address. */
export function addressRange() {
  return z.string().transform((value, context) => {
    const parsed = parseAddressRange(value);
    if (parsed !== null) return parsed;
    context.addIssue({ code: 'custom', message: `"${value.slice(0, 64)}" is not a range of addresses; write for example 10.0.0.0/8 or ::1/128` });
    return z.NEVER;
  });
}

/** A CEL expression; compiled after validation. */
export function expression(description: string, examples?: readonly string[]) {
  return described(z.string().min(1).max(4096), description, examples);
}

/** Name that people type: targets, gateways. */
export function name(description: string, examples?: readonly string[]) {
  const form = z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, 'must be 1 to 63 of a-z, 0-9, "-", "." and "_", starting and ending with a letter or digit');
  return described(form, description, examples);
}
