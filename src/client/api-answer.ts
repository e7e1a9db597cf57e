/**
 * Turns an HTTP answer of the gateway into its value or its error. The answer is untrusted: what is not the API's JSON (a proxy's page,
 * a redirect) becomes `gateway.unreachable`, and an error code that this version does not know is placed by its HTTP status.
 */
import { ERRORS, type ErrorCode } from '../contract/error-catalogue.js';
import { GwError } from '../contract/gw-error.js';
import type { HttpResponse } from './https-transport.js';

/** An error that the gateway itself reported; keeps the id under which its log has the rest. */
class GatewayRefusal extends GwError {
  readonly requestId: string | null;

  constructor(code: ErrorCode, message: string, hint: string | null, detail: GwError['detail'], requestId: string | null) {
    super(code, message, { ...(hint === null ? {} : { hint }), detail });
    this.requestId = requestId;
  }

  override toBody(): ReturnType<GwError['toBody']> {
    return super.toBody(this.requestId);
  }
}

function codeForStatus(status: number): ErrorCode {
  if (status === 401) return 'login.token_invalid';
  if (status === 403) return 'api.forbidden';
  if (status === 404) return 'api.not_found';
  if (status === 429) return 'login.throttled';
  if (status < 500) return 'usage.invalid';
  return 'gateway.unreachable';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function plainDetail(value: unknown): GwError['detail'] {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string | number | boolean | null] => entry[1] === null || ['string', 'number', 'boolean'].includes(typeof entry[1]),
  );
  return Object.fromEntries(entries);
}

function parseBody(response: HttpResponse, place: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(response.body.toString('utf8'));
    if (isRecord(value)) return value;
  } catch (cause) {
    throw notGateway(response, place, cause);
  }
  throw notGateway(response, place, null);
}

function notGateway(response: HttpResponse, place: string, cause: unknown): GwError {
  const said =
    response.status >= 300 && response.status < 400
      ? 'answered with a redirect, which is not followed'
      : `answered with status ${response.status} and no gw answer`;
  return new GwError('gateway.unreachable', `What listens at ${place} ${said}.`, {
    cause,
    hint: 'Check the address with `gw config`: it must be that of the gateway itself.',
  });
}

/** @throws GwError what the gateway said, or `gateway.unreachable` when it was not the gateway that answered. */
export function readAnswer(response: HttpResponse, place: string): Record<string, unknown> {
  if (response.status >= 300 && response.status < 400) throw notGateway(response, place, null);
  const body = parseBody(response, place);
  if (response.status < 300) return body;
  const error = body['error'];
  if (!isRecord(error) || typeof error['message'] !== 'string') throw notGateway(response, place, null);
  const code = typeof error['code'] === 'string' && Object.hasOwn(ERRORS, error['code']) ? (error['code'] as ErrorCode) : codeForStatus(response.status);
  const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
  throw new GatewayRefusal(code, error['message'], text(error['hint']), plainDetail(error['detail']), text(error['requestId']));
}
