/**
 * A value that must not reach a log, an error or a record by accident. It prints as `[secret]` everywhere (string
 * conversion, JSON, util.inspect) and is opened only by `expose()`, at the wire.
 */
import { inspect } from 'node:util';

export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it only where the value goes on the wire or into a cryptographic function. */
  expose(): T {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
