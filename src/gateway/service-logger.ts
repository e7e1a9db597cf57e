/**
 * The gateway's own log: pino, JSON lines on stderr. Fields that could hold a secret are censored by name, whatever object they come in;
 * `Secret` values print as `[secret]` by themselves. The data path must not wait for a slow reader of stderr, so workers write
 * asynchronously and `flush` writes the rest before the process ends.
 */
import { pino, stdSerializers } from 'pino';
import type { Logger } from '../base/logger.js';
import { LogDestination } from './log-destination.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface ServiceLogger extends Logger {
  setLevel(level: LogLevel): void;
  /** Writes what is buffered. Blocks. */
  flush(): void;
}

const SECRET_NAMES = ['token', 'password', 'secret', 'authorization', 'cookie', 'credential', 'url', 'connectionString', 'key'];

export function createServiceLogger(fields: object, level: LogLevel, fd = 2): ServiceLogger {
  const stream = new LogDestination(fd);
  const log = pino(
    {
      level,
      base: fields,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: { paths: [...SECRET_NAMES, ...SECRET_NAMES.map((name) => `*.${name}`), ...SECRET_NAMES.map((name) => `*.*.${name}`)], censor: '[secret]' },
    },
    stream,
  );
  return {
    debug: (data, message) => log.debug(data, message),
    info: (data, message) => log.info(data, message),
    warn: (data, message) => log.warn(data, message),
    error: (data, message) => log.error(data, message),
    child: (more) => log.child(more),
    setLevel: (next) => {
      log.level = next;
    },
    flush: () => stream.flush(),
  };
}

/** Type, code, message and stack; of other own fields nothing, because drivers put queries and addresses with passwords there. */
function errorFields(err: unknown): unknown {
  if (!(err instanceof Error)) return err;
  const { type, message, stack } = stdSerializers.err(err);
  const code = 'code' in err && typeof err.code === 'string' ? err.code : undefined;
  return { type, code, message: withoutUrls(message), stack: withoutUrls(stack) };
}

/** Credentials inside URLs, wherever a library put one into its message. */
function withoutUrls(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1[secret]@');
}
