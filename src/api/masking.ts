/** Columns of targets that look sensitive, and those that inherited tags. What comes back are names, classes and counts, never a value. */
import { z } from 'zod';
import { GwError } from '../contract/gw-error.js';
import type { InheritedTagList } from '../contract/inherited-tags.js';
import type { MaskingScan } from '../contract/masking-policy.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';

const targetParams = z.strictObject({ name: z.string().min(1).max(200) });
const scanBody = z.strictObject({
  /** Part of the target (a database); left out: the one that the target names. */
  scope: z.string().min(1).max(200).optional(),
  /** Rows of each table that are looked at. */
  rows: z.number().int().min(1).max(10_000).optional(),
});
const ROWS = 200;

export function maskingScanRoute(services: ApiServices): ApiRoute {
  return {
    method: 'POST',
    url: '/api/v1/targets/:name/masking-scan',
    audit: 'masking.scan',
    handle: async ({ caller, params, body, address, audit }) => {
      requireRole(caller, 'admin');
      const { name } = validate(targetParams, params, 'path');
      const { scope, rows } = validate(scanBody, body, 'body');
      const target = services.settings().targets.find((each) => each.name === name);
      if (target === undefined) throw new GwError('target.unknown', `There is no target "${name}" here.`);
      await audit('masking.scan', { target: name, rows: rows ?? ROWS });
      const asker = { token: caller.token, address };
      return (await services.maskingDesk.scan(asker, caller.identity, target, scope ?? null, rows ?? ROWS)) satisfies MaskingScan;
    },
  };
}

export function inheritedTagsRoute(services: ApiServices): ApiRoute {
  return {
    method: 'GET',
    url: '/api/v1/targets/:name/inherited-tags',
    audit: null,
    handle: async ({ caller, params }) => {
      requireRole(caller, 'admin', 'auditor');
      const { name } = validate(targetParams, params, 'path');
      // Of a target that is no longer configured, too.
      return { tags: await services.maskingDesk.inherited(name) } satisfies InheritedTagList;
    },
  };
}
