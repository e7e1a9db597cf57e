/**
 * The one error class of gw. `message` is public: it never holds a secret, an internal address or the text of another person's
 * statement. What only operators may see goes into `cause` and the log.
 */
import { ERRORS, type ErrorCode, type ErrorEntry } from './error-catalogue.js';

export interface GwErrorOptions {
  /** A more exact next step than the catalogue's. */
  readonly hint?: string;
  /** Public facts behind the error: policy, rule, position, request id. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>;
  readonly cause?: unknown;
}

/** The form in which the API and `--json` give an error. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint: string;
    readonly requestId: string | null;
    readonly retryable: boolean;
    readonly detail?: Readonly<Record<string, string | number | boolean | null>>;
  };
}

export class GwError extends Error {
  override readonly name = 'GwError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;

  constructor(code: ErrorCode, message: string, options: GwErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.detail = options.detail ?? {};
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }

  toBody(requestId: string | null = null): ErrorBody {
    const hasDetail = Object.keys(this.detail).length > 0;
    return {
      error: {
        code: this.code,
        message: this.message,
        hint: this.hint,
        requestId,
        retryable: this.entry.retry,
        ...(hasDetail ? { detail: this.detail } : {}),
      },
    };
  }

  /** Any thrown value as a `GwError`; what is not one becomes `internal.error` with the original as cause, its text withheld. */
  static from(thrown: unknown): GwError {
    if (thrown instanceof GwError) return thrown;
    return new GwError('internal.error', 'Something unexpected happened inside gw.', { cause: thrown });
  }
}
