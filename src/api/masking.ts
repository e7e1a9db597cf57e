/** Scans of targets for columns that look sensitive. For admins: what comes back are names, classes and counts, never a value. */
import { z } from 'zod';
import { GwError } from '../contract/gw-error.js';
import type { MaskingScan } from '../contract/masking-policy.js';
import type { ApiRoute } from './api-route.js';
import type { ApiServices } from './api-services.js';
import { requireRole } from './caller.js';
import { validate } from './validate.js';

const scanParams = z.strictObject({ name: z.string().min(1).max(200) });
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
      const { name } = validate(scanParams, params, 'path');
      const { scope, rows } = validate(scanBody, body, 'body');
      const target = services.settings().targets.find((each) => each.name === name);
      if (target === undefined) throw new GwError('target.unknown', `There is no target "${name}" here.`);
      await audit('masking.scan', { target: name, rows: rows ?? ROWS });
      const asker = { token: caller.token, address };
      return (await services.maskingDesk.scan(asker, caller.identity, target, scope ?? null, rows ?? ROWS)) satisfies MaskingScan;
    },
  };
}
