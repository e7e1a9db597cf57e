/**
 * Does at the provider what a person does in the browser after `gw login` showed its link: confirm the code, pick who they are. For the
 * tour, which has no browser. Speaks only to the quickstart's own provider, over its public pages.
 */
import { GwError } from '../contract/gw-error.js';

const STEPS = 10;

/** @throws GwError `login.failed` when the provider does not go along; the message says on which page. */
export async function approveDevice(link: string, person: string): Promise<void> {
  const cookies = new Map<string, string>();
  let url = new URL(link);
  const { origin } = url;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < STEPS; step++) {
    if (url.origin !== origin) throw failed(`it led away from the provider, to ${url.origin}`);
    const response = await fetch(url, {
      method: form === null ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === null ? {} : { body: form }),
    });
    for (const cookie of response.headers.getSetCookie()) keep(cookies, cookie);
    const location = response.headers.get('location');
    const page = await response.text();
    if (response.status >= 300 && response.status < 400 && location !== null) {
      url = new URL(location, url);
      form = null;
      continue;
    }
    if (!response.ok) throw failed(`${url.pathname} answered ${response.status}`);
    const action = /<form[^>]* action="([^"]+)"/.exec(page)?.[1];
    if (action === undefined) return;
    url = new URL(action, url);
    form = new URLSearchParams();
    for (const [, name, value] of page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)) form.set(name ?? '', value ?? '');
    if (url.pathname.startsWith('/interaction/')) form.set('person', person);
  }
  throw failed('it asked for too many steps');
}

function keep(cookies: Map<string, string>, header: string): void {
  const match = /^([^=]+)=([^;]*)/.exec(header);
  if (match?.[1] === undefined || match[2] === undefined) return;
  if (match[2] === '') cookies.delete(match[1]);
  else cookies.set(match[1], match[2]);
}

function failed(why: string): GwError {
  return new GwError('login.failed', `The provider did not complete the device login: ${why}.`);
}
