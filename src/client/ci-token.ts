/**
 * Identity of a CI job, from what the CI system offers its jobs: GitHub Actions mints a token for an audience on request, GitLab puts
 * one into a variable named in the job's `id_tokens`. The facts come from the CLI's environment reader; nothing is stored.
 */
import type { Clock } from '../base/clock.js';
import { GwError } from '../contract/gw-error.js';
import type { HttpsTransport } from './https-transport.js';
import { fetchedTokenSource, fixedTokenSource, type TokenSource } from './token-source.js';

export type CiIdentity =
  | { readonly kind: 'github'; readonly requestUrl: string; readonly requestToken: string }
  | { readonly kind: 'gitlab'; readonly variable: string; readonly token: string };

/** `audience` is asked for at the first use only, so that a command without need of a token makes no request. */
export function ciTokenSource(ci: CiIdentity, audience: () => Promise<string>, transport: HttpsTransport, clock: Clock): TokenSource {
  if (ci.kind === 'gitlab') return fixedTokenSource(ci.token, ci.variable, clock);
  const fetch = async (): Promise<string> => {
    const url = new URL(ci.requestUrl);
    url.searchParams.set('audience', await audience());
    const answer = await transport.request({ method: 'GET', url, headers: { authorization: `Bearer ${ci.requestToken}` } });
    let value: unknown = null;
    if (answer.status === 200) {
      try {
        value = (JSON.parse(answer.body.toString('utf8')) as { readonly value?: unknown }).value;
      } catch (cause) {
        throw new GwError('login.failed', 'GitHub Actions gave an answer that is not JSON when asked for an id token.', { cause });
      }
    }
    if (typeof value !== 'string') {
      throw new GwError('login.failed', `GitHub Actions gave no id token (status ${answer.status}).`, { hint: 'Give the job `permissions: id-token: write`.' });
    }
    return value;
  };
  return fetchedTokenSource('GitHub Actions', fetch, clock);
}
