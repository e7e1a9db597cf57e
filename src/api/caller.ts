/**
 * Who calls: the bearer token of every request is verified anew, lock included, and the roles are read from the configuration in force.
 * Nothing is remembered between requests (R3), so a lock or a role taken away holds from the next request on.
 */

import { Secret } from '../base/secret.js';
import { GwError } from '../contract/gw-error.js';
import type { Identity } from '../contract/identity.js';
import type { ApiServices, RoleMembers } from './api-services.js';

export type Role = 'admin' | 'auditor';

export interface Caller {
  /** What the identity was proved with, for a look at a target in its name. */
  readonly token: Secret;
  readonly identity: Identity;
  readonly roles: readonly Role[];
}

/** Longest token that is looked at, characters. */
const TOKEN_LIMIT = 32_768;

/** @throws GwError `login.required` | `login.token_invalid` | `login.expired` | `login.locked` */
export async function identifyCaller(authorization: string | undefined, services: ApiServices): Promise<Caller> {
  const token = bearerToken(authorization);
  const identity = await services.authenticator.verify(token);
  const { admins, auditors } = services.settings().access;
  const roles: Role[] = [];
  // Whoever runs an agent may have the role; the agent, which does what others tell it, never has.
  if (identity.kind !== 'agent' && isMember(identity, admins)) roles.push('admin');
  if (isMember(identity, auditors)) roles.push('auditor');
  return { identity, roles, token: new Secret(token) };
}

function bearerToken(authorization: string | undefined): string {
  const token = authorization !== undefined && /^bearer /i.test(authorization) ? authorization.slice(7).trim() : '';
  if (token === '') throw new GwError('login.required', 'The request carries no bearer token.');
  if (token.length > TOKEN_LIMIT) throw new GwError('login.token_invalid', `The token is longer than ${TOKEN_LIMIT} characters.`);
  return token;
}

/**
 * Groups count for people only: in a delegated token they are those of the person behind it. And only as of their own issuer: what another
 * one calls `admins` is something else.
 */
function isMember(identity: Identity, role: RoleMembers): boolean {
  return (
    (identity.kind === 'person' && role.groups.some(({ issuer, group }) => issuer === identity.issuer && identity.groups.includes(group))) ||
    role.subjects.some((member) => member.issuer === identity.issuer && member.subject === identity.subject)
  );
}

/** @throws GwError `api.forbidden` */
export function requireRole(caller: Caller, ...roles: readonly Role[]): void {
  if (roles.some((role) => caller.roles.includes(role))) return;
  throw new GwError('api.forbidden', `This needs the role ${roles.join(' or ')} on the gateway.`);
}

export function isOwner(caller: Caller, session: { readonly issuer: string; readonly subject: string }): boolean {
  return caller.identity.issuer === session.issuer && caller.identity.subject === session.subject;
}
