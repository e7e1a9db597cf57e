/**
 * The HTTP API over a server that the composition root owns. Every request passes the same gates in the same order: security headers and
 * request id, host and origin, then for all but the public routes the caller's token, lock and roles. All input is untrusted: bodies
 * at most 64 KiB and JSON only, everything through a schema, no forwarded headers, no CORS.
 */
import type { RequestListener, Server } from 'node:http';
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { newId } from '../base/id.js';
import { authenticationFields, authenticationOf } from '../contract/authentication.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiCall, ApiRoute, Identify } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { ApiStream } from './api-stream.js';
import { auditEntryRoutes } from './audit-entries.js';
import { auditLogRoutes } from './audit-logs.js';
import { auditSinksRoute } from './audit-sinks.js';
import { type Caller, identifyCaller } from './caller.js';
import { certificateRoutes } from './certificates.js';
import { clientRecordingRoutes } from './client-recordings.js';
import { evidenceRoute } from './evidence.js';
import { FailedLogins } from './failed-logins.js';
import { grantRoutes } from './grants.js';
import { guardHost } from './host-guard.js';
import { inheritedTagsRoute, maskingScanRoute } from './masking.js';
import { operationsRoute } from './operations.js';
import { policyRoutes } from './policy.js';
import { addPublicRoutes } from './public-routes.js';
import { recordKeepingRoutes } from './record-keeping.js';
import { errorReply } from './reply-error.js';
import { requestActionRoutes } from './request-actions.js';
import { requestRoutes } from './requests.js';
import { retentionRoutes } from './retention.js';
import { sessionActionRoutes } from './session-actions.js';
import { sessionExportRoute } from './session-export.js';
import { sessionWatchRoute } from './session-watch.js';
import { sessionRoutes } from './sessions.js';
import { targetsRoute } from './targets.js';
import { userRoutes } from './users.js';
import { whoamiRoute } from './whoami.js';

const BODY_LIMIT = 64 * 1024;

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
};

export interface Api {
  /** The authenticated routes, for tests that walk them. */
  readonly routes: readonly ApiRoute[];
  close(): Promise<void>;
}

/** `serve` makes the server for the given listener; it is ready to be used when this resolves. */
export async function createApi(services: ApiServices, serve: (listener: RequestListener) => Server): Promise<Api> {
  const app = Fastify({
    serverFactory: serve,
    logger: false,
    bodyLimit: BODY_LIMIT,
    genReqId: () => newId('req'),
    requestIdHeader: false,
    trustProxy: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => {
      const { status, body } = errorReply(error, request.id);
      void (reply as FastifyReply).status(status).send(body);
    },
  });
  app.removeContentTypeParser('text/plain');
  addGates(app, services);
  const identify = identifier(services);
  addPublicRoutes(app, services, identify);
  const routes = [
    whoamiRoute(services),
    targetsRoute(services),
    ...sessionRoutes(services),
    ...sessionActionRoutes(services),
    sessionExportRoute(services),
    ...recordKeepingRoutes(services),
    ...retentionRoutes(services),
    sessionWatchRoute(services),
    operationsRoute(services),
    ...requestRoutes(services),
    ...requestActionRoutes(services),
    ...grantRoutes(services),
    ...userRoutes(services),
    ...policyRoutes(services),
    maskingScanRoute(services),
    inheritedTagsRoute(services),
    ...auditEntryRoutes(services),
    ...auditLogRoutes(services),
    auditSinksRoute(services),
    evidenceRoute(services),
    ...clientRecordingRoutes(services),
    ...certificateRoutes(services),
  ];
  for (const route of routes) addRoute(app, route, services, identify);
  await app.ready();
  return { routes, close: () => app.close() };
}

function addGates(app: FastifyInstance, services: ApiServices): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(HEADERS).header('x-request-id', request.id);
    if (services.draining()) reply.header('connection', 'close');
    try {
      guardHost({ host: request.headers.host, origin: request.headers.origin, localAddress: request.socket.localAddress }, services.settings().publicUrl);
      done();
    } catch (thrown) {
      done(GwError.from(thrown));
    }
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const seconds = reply.elapsedTime / 1000;
    services.observe({ method: request.method, route, status: reply.statusCode, seconds });
    services.logger.debug({ request: request.id, method: request.method, route, status: reply.statusCode, seconds }, 'request');
    done();
  });
  app.setErrorHandler((thrown, request, reply) => {
    const { status, body, unexpected } = errorReply(thrown, request.id);
    const fields = { request: request.id, route: request.routeOptions.url ?? 'unknown', code: body.error.code, err: thrown };
    if (unexpected) services.logger.error(fields, 'request failed');
    else services.logger.debug(fields, 'request refused');
    void reply.status(status).send(body);
  });
  app.setNotFoundHandler((request, reply) => {
    void reply.status(404).send(new GwError('api.not_found', 'There is nothing at this path of the API.').toBody(request.id));
  });
}

function identifier(services: ApiServices): Identify {
  const failures = new FailedLogins(services.clock);
  return async (request) => {
    const address = request.socket.remoteAddress ?? '';
    failures.check(address, services.settings().loginFailuresPerMinute);
    try {
      return await identifyCaller(request.headers.authorization, services);
    } catch (thrown) {
      if (thrown instanceof GwError && thrown.code === 'login.token_invalid') failures.add(address);
      throw thrown;
    }
  };
}

function addRoute(app: FastifyInstance, route: ApiRoute, services: ApiServices, identify: Identify): void {
  if (route.method !== 'GET' && route.audit === null) {
    throw new GwError('internal.error', `The route ${route.method} ${route.url} changes something and names no audit event.`);
  }
  app.route({
    method: route.method,
    url: route.url,
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    handler: async (request, reply) => {
      const left = new AbortController();
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) left.abort();
      });
      const caller = await identify(request);
      const call = callOf(request, caller, services, left.signal);
      try {
        const answer = await route.handle(call);
        return answer instanceof ApiStream ? reply.type(answer.type).send(Readable.from(answer.chunks)) : answer;
      } catch (thrown) {
        // A step is written before it is taken; one that was not taken in the end is said to be so, under the same request id.
        if (thrown instanceof GwError && (thrown.code === 'api.forbidden' || (route.audit !== null && thrown.code.startsWith('approval.'))))
          await call.audit('api.denied', { route: `${route.method} ${route.url}`, code: thrown.code, ...call.about() });
        throw thrown;
      }
    },
  });
}

/** `about`: the request for approval that the events of the call name, so that a refusal of it can be found by it, too. */
function callOf(request: FastifyRequest, caller: Caller, services: ApiServices, left: AbortSignal): ApiCall & { about(): { readonly approval?: string } } {
  const address = request.socket.remoteAddress ?? '';
  const { identity } = caller;
  const { amr, acr } = authenticationFields(authenticationOf(identity.claims));
  const actor = {
    actorIssuer: identity.issuer,
    actorSubject: identity.subject,
    actorKind: identity.kind,
    ...(amr === undefined ? {} : { actorAmr: amr }),
    ...(acr === undefined ? {} : { actorAcr: acr }),
    actorName: identity.name,
    onBehalfOf: identity.onBehalfOf?.subject ?? null,
    address,
    request: request.id,
  };
  let about: { readonly approval?: string } = {};
  return {
    caller,
    params: request.params,
    query: request.query,
    body: request.body,
    address,
    requestId: request.id,
    left,
    audit: (kind, data) => {
      if ('approval' in data && typeof data.approval === 'string') about = { approval: data.approval };
      return services.audit.record(kind, { ...actor, ...data });
    },
    about: () => about,
  };
}
