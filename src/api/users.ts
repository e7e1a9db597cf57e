/**
 * GET /api/v1/users, POST /api/v1/users/lock and /unlock. A lock is stored first and then announced: a process that misses the
 * announcement finds it in the store, so live sessions of a locked subject end either way.
 */
import { z } from 'zod';
import type { LockReply, UserList } from '../contract/api-types.js';
import { GwError } from '../contract/gw-error.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { isOwner, requireRole } from './caller.js';
import { validate } from './validate.js';

const lockBody = z.strictObject({
  issuer: z.string().min(1).max(2048),
  subject: z.string().min(1).max(300),
  reason: z.string().trim().min(1, 'must say why').max(500),
});

export function userRoutes(services: ApiServices): ApiRoute[] {
  return [list(services), lock(services, true), lock(services, false)];
}

function list(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/users',
    audit: null,
    handle: async ({ caller, audit }) => {
      requireRole(caller, 'admin', 'auditor');
      await audit('log.read', { what: 'users' });
      return { users: await services.subjects.list() } satisfies UserList;
    },
  };
}

function lock(services: ApiServices, locked: boolean): ApiRoute {
  const kind = locked ? 'subject.lock' : 'subject.unlock';
  return {
    method: 'POST',
    url: locked ? '/api/v1/users/lock' : '/api/v1/users/unlock',
    audit: kind,
    handle: async ({ caller, body, audit }) => {
      requireRole(caller, 'admin');
      const { issuer, subject, reason } = validate(lockBody, body, 'body');
      // It could not be taken back by whoever did it, and where there is one administrator by nobody.
      if (locked && isOwner(caller, { issuer, subject }))
        throw new GwError('usage.invalid', 'Nobody locks themselves: you could not unlock yourself again.', { hint: 'Ask another administrator to lock you.' });
      await audit(kind, { issuer, subject, reason });
      const by = caller.identity.name;
      if (!(await services.subjects.setLocked(issuer, subject, locked, by, reason))) {
        throw new GwError('subject.unknown', 'No such subject has logged in to this gateway.');
      }
      if (locked) await announce(services, { kind: 'subject.locked', issuer, subject, by, reason });
      return { issuer, subject, locked } satisfies LockReply;
    },
  };
}

async function announce(services: ApiServices, event: Parameters<ApiServices['bus']['publish']>[0]): Promise<void> {
  try {
    await services.bus.publish(event);
  } catch (err) {
    services.logger.warn({ err }, 'a lock is stored but could not be announced; sessions end when their process next looks at the store');
  }
}
