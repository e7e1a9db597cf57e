/**
 * The routes that need no login: /healthz (the process runs), /readyz (it may get traffic), /metrics (from configured addresses; elsewhere
 * for admins and auditors), /api/v1/login (what a client must know to log in). They show nothing about people, sessions or targets.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { GwError } from '../contract/gw-error.js';
import type { Identify } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';

export function addPublicRoutes(app: FastifyInstance, services: ApiServices, identify: Identify): void {
  app.get('/healthz', () => ({ status: 'ok' }));

  app.get('/readyz', async (_request, reply) => {
    const readiness = await services.readiness();
    return reply.status(readiness.ready ? 200 : 503).send(readiness);
  });

  app.get('/metrics', async (request: FastifyRequest, reply) => {
    if (!services.settings().metricsAllowed(request.socket.remoteAddress ?? '')) requireRole(await identify(request), 'admin', 'auditor');
    const { contentType, text } = await services.metrics();
    return reply.header('content-type', contentType).send(text);
  });

  app.get('/api/v1/login', () => {
    const { login } = services.settings();
    if (login === null) {
      throw new GwError('login.failed', 'No issuer of this gateway is configured for people to log in with.', {
        hint: 'Present a token of a trusted issuer instead (`GW_ID_TOKEN`, `--id-token-file`).',
      });
    }
    return login;
  });
}
