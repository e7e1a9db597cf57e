/**
 * The OpenID Connect provider of the world, in this process, on 127.0.0.1 over plain http (a loopback issuer). Real protocol, made-up
 * people: whoever is answered can log in as anybody. So it answers only the account that started it (`peer-account.ts`), and only requests that
 * name it by its own address, which keeps foreign web pages from reaching it through a name of theirs (DNS rebinding).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GwError } from '../contract/gw-error.js';
import { type IssuerKeys, openIssuerKeys } from './issuer-keys.js';
import { PAGE_HEADERS, pickPersonPage, problemPage } from './issuer-pages.js';
import { issuerSettings } from './issuer-settings.js';
import { isOurPeer } from './peer-account.js';
import { PEOPLE, PRESENCE } from './principals.js';
import { quietImport } from './quiet-import.js';

export interface RunningIssuer {
  /** Exactly as in the `iss` claim. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

type Provider = import('oidc-provider').Provider;

const HOST = '127.0.0.1';
const FORM_BYTES = 4_096;
const POLL_SECONDS = 1;

/**
 * @param port 0 takes any free one
 * @param directory DIR/issuer, for keys and client secrets
 * @throws GwError `quickstart.start` when the port is taken
 */
export async function startIssuer(port: number, directory: string): Promise<RunningIssuer> {
  const keys = await openIssuerKeys(directory);
  const server = createServer();
  const bound = await listen(server, port);
  const url = `http://${HOST}:${bound}`;
  const provider = await newProvider(url, keys);
  const callback = provider.callback();
  const known = new WeakMap<Socket, Promise<boolean>>();
  const isOurs = (socket: Socket): Promise<boolean> => {
    const found = known.get(socket) ?? isOurPeer(socket);
    known.set(socket, found);
    return found;
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.host !== `${HOST}:${bound}`) {
      answer(response, 421, problemPage('Wrong address', `This provider answers at ${url} only.`));
      return;
    }
    const uid = /^\/interaction\/([\w-]{1,64})$/.exec(request.url ?? '')?.[1];
    if (uid === undefined) {
      void callback(request, response);
      return;
    }
    interaction(provider, uid, request, response).catch(() =>
      answer(response, 400, problemPage('Start again', 'This login is no longer valid. Run gw login again.')),
    );
  };
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    isOurs(request.socket).then(
      (ours) => {
        if (ours) handle(request, response);
        else answer(response, 403, problemPage('Not yours', 'This quickstart belongs to another account of this machine. Start your own.'));
      },
      () => request.socket.destroy(),
    );
  });
  return {
    url,
    port: bound,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function newProvider(url: string, keys: IssuerKeys): Promise<Provider> {
  const { Provider, interactionPolicy } = await quietImport(() => import('oidc-provider'));
  const provider = new Provider(url, issuerSettings(keys, interactionPolicy));
  provider.use(async (ctx, next) => {
    await next();
    // The library leaves out how often to ask, and clients then wait five seconds; on one machine one is enough.
    if ((ctx['oidc'] as { readonly route?: string } | undefined)?.route === 'device_authorization' && ctx.status === 200)
      Object.assign(ctx.body as object, { interval: POLL_SECONDS });
  });
  return provider;
}

/** GET: who are you? POST: this one. The library's signed interaction cookie ties both to the browser that confirmed the code. */
async function interaction(provider: Provider, uid: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { uid: known } = await provider.interactionDetails(request, response);
  if (known !== uid) throw new GwError('usage.invalid', 'The login page belongs to another login.');
  if (request.method === 'GET') return answer(response, 200, pickPersonPage(`/interaction/${uid}`));
  const person = new URLSearchParams(await body(request)).get('person');
  if (request.method !== 'POST' || !PEOPLE.some(({ name }) => name === person) || person === null)
    throw new GwError('usage.invalid', 'The login form is not complete.');
  await provider.interactionFinished(request, response, { login: { accountId: person, amr: PRESENCE }, consent: {} }, { mergeWithLastSubmission: false });
}

async function body(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > FORM_BYTES) throw new GwError('usage.invalid', 'The login form is too large.');
  }
  return text;
}

function answer(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, PAGE_HEADERS).end(html);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new GwError(
          'quickstart.start',
          taken
            ? `Port ${port} on ${HOST}, wanted for the identity provider, is taken by another program.`
            : `The identity provider cannot listen on ${HOST}:${port}.`,
          { cause, detail: { port } },
        ),
      );
    });
    server.listen(port, HOST, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
