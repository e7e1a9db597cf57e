/**
 * Names what went wrong when a connection could not be made, for the CLI's API calls and its tunnels alike. A failed certificate check
 * (`gateway.untrusted`) is kept apart from a network failure (`gateway.unreachable`), because only the first has a cure on this machine.
 * The system's own error goes into `cause`; the message names the address that the user gave and nothing else.
 */
import { GwError } from '../contract/gw-error.js';

const CERTIFICATE_CODES = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock of this machine right?',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  ENETUNREACH: 'there is no network route to it',
  EHOSTUNREACH: 'the host does not answer',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve at the moment',
  EPIPE: 'the connection was closed',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ETIMEDOUT: 'it did not answer in time',
};

/** The code of a system error; of the first inner one when several addresses were tried. */
function systemCode(cause: unknown): string {
  if (cause instanceof AggregateError) return systemCode(cause.errors[0]);
  if (typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return '';
}

/** `what` names the other side for people, e.g. `the gateway at gw.example:8443`. */
export function connectionError(cause: unknown, what: string): GwError {
  if (cause instanceof GwError) return cause;
  const code = systemCode(cause);
  if (CERTIFICATE_CODES.has(code)) {
    return new GwError(
      'gateway.untrusted',
      `This machine does not trust ${what}: ${REASONS[code] ?? 'its certificate was signed by an authority not known here'}.`,
      {
        cause,
        detail: { reason: code },
      },
    );
  }
  return new GwError('gateway.unreachable', `Could not reach ${what}: ${REASONS[code] ?? 'the connection failed'}.`, {
    cause,
    ...(code === '' ? {} : { detail: { reason: code } }),
  });
}
