/**
 * The provider's pages: enter the code, confirm it, pick who you are, done. Plain HTML with its own style and no script. Everything that
 * is not from this file is escaped; a code from the address bar is untrusted.
 */
import { MACHINES, PEOPLE } from './principals.js';

/** Headers of every page: nothing is loaded, nothing may frame it, forms go to this origin only. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const STYLE = `
:root{color-scheme:light dark;--ink:#16202c;--soft:#5b6b7c;--line:#d9e0e8;--paper:#fff;--ground:#f3f6f9;--accent:#0b6bcb}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#93a1b0;--line:#2d3742;--paper:#161c23;--ground:#0d1117;--accent:#58a6ff}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{width:min(27rem,92vw);background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:2rem;box-shadow:0 8px 30px rgb(0 0 0/.07)}
h1{font-size:1.3rem;margin:0 0 .4rem}p{margin:.4rem 0 1rem;color:var(--soft)}
.code{font:600 1.9rem/1.2 ui-monospace,monospace;letter-spacing:.12em;text-align:center;padding:.8rem;border:1px dashed var(--line);border-radius:10px;margin:1rem 0}
button{font:inherit;width:100%;padding:.8rem 1rem;border-radius:10px;border:1px solid var(--line);background:transparent;color:inherit;cursor:pointer}
button:hover,button:focus-visible{border-color:var(--accent);outline:2px solid var(--accent);outline-offset:1px}
.go{background:var(--accent);border-color:var(--accent);color:#fff;font-weight:600}
.person{display:block;text-align:left;margin:.6rem 0}.person b{display:block}.person span{color:var(--soft);font-size:.9rem}
input[type=text]{font:600 1.4rem ui-monospace,monospace;letter-spacing:.1em;text-transform:uppercase;text-align:center;width:100%;padding:.7rem;border:1px solid var(--line);border-radius:10px;background:transparent;color:inherit;margin-bottom:1rem}
footer{margin-top:1.4rem;font-size:.82rem;color:var(--soft)}
`;

/** `form` is the provider's own form with its hidden fields; buttons outside it name it by id. */
export function codeInputPage(form: string, problem: string | null): string {
  const lead = problem === null ? 'Enter the code that <code>gw login</code> shows.' : escapeHtml(problem);
  return page('Connect a device', `<h1>Connect a device</h1><p>${lead}</p>${form}<button class="go" type="submit" form="op.deviceInputForm">Continue</button>`);
}

export function codeConfirmPage(form: string, client: string, code: string): string {
  return page(
    'Is this your code?',
    `<h1>Is this your code?</h1><p><b>${escapeHtml(client)}</b> asks to act for you at the gateway. Go on only if your terminal shows exactly this:</p>
<div class="code">${escapeHtml(code)}</div>${form}<button class="go" type="submit" form="op.deviceConfirmForm" autofocus>Yes, continue</button>`,
  );
}

export function pickPersonPage(action: string): string {
  const people = PEOPLE.map(
    ({ name, fullName, groups, about }) =>
      `<button class="person" type="submit" name="person" value="${escapeHtml(name)}"><b>${escapeHtml(fullName)} <span>(${escapeHtml(name)} · ${escapeHtml(groups.join(', '))})</span></b><span>${escapeHtml(about)}</span></button>`,
  ).join('');
  return page(
    'Who are you?',
    `<h1>Who are you?</h1><p>A development login: pick a person, no password.</p><form method="post" action="${escapeHtml(action)}">${people}</form>`,
  );
}

export function donePage(): string {
  return page('You are logged in', '<h1>You are logged in</h1><p>Go back to your terminal. This page can be closed.</p>');
}

export function problemPage(title: string, description: string): string {
  return page(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(description)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)} · gw quickstart</title><style>${STYLE}</style></head>
<body><main>${body}<footer>gw quickstart · a real OpenID Connect provider with made-up people (${PEOPLE.length} people, ${MACHINES.length} machines), on this machine only</footer></main></body></html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
