/**
 * Statements on rights and on the outside world: roles, GRANT, extensions, foreign servers, subscriptions, ALTER SYSTEM. Literals that are or
 * may hold a password are marked to be kept out of every record.
 */
import { namesOf, objectKind, objectName } from './object-kinds.js';
import type { Scope } from './scope.js';
import { as, field, flag, integer, list, stringNode, struct, type Tree, tagged, text } from './tree.js';
import { cascade, offsetOf } from './utility-objects.js';
import { fixedPath } from './utility-session.js';
import type { Handler, Handlers, Walk } from './walk.js';

function roleName(node: Tree | null): string | null {
  if (node === null) return null;
  const kind = text(node, 'roletype') ?? 'ROLESPEC_CSTRING';
  return kind === 'ROLESPEC_CSTRING' ? text(node, 'rolename') : kind.replace('ROLESPEC_', '').toLowerCase();
}

function roleNames(nodes: readonly unknown[]): (string | null)[] {
  return nodes.map((item) => roleName(as(item, 'RoleSpec')));
}

/** Whether the options set a password; its literal becomes a secret. Also for the options of user mappings and servers. */
function passwords(walk: Walk, options: readonly unknown[]): boolean {
  let found = false;
  for (const option of options) {
    const element = tagged(option)?.node ?? {};
    if (!/password|passfile|secret|token/i.test(text(element, 'defname') ?? '')) continue;
    found = true;
    if (stringNode(field(element, 'arg')) !== null) walk.secretAfter(offsetOf(element));
  }
  return found;
}

function roleStatement(change: string, names: (node: Tree) => readonly (string | null)[]): Handler {
  return (walk, node, scope) => {
    const password = passwords(walk, list(node, 'options'));
    const options = list(node, 'options').map((option) => text(tagged(option)?.node ?? {}, 'defname') ?? '');
    for (const name of names(node)) {
      walk.sink.add('role', 'role', [name], { change: [change], ...(password ? { password: true } : {}), ...(options.length === 0 ? {} : { options }) });
    }
    walk.fields('', node, scope);
  };
}

function roleSet(walk: Walk, node: Tree, scope: Scope): void {
  const setting = struct(node, 'setstmt') ?? {};
  walk.sink.add('role', 'role', [roleName(struct(node, 'role')) ?? 'all'], { change: ['set'], setting: (text(setting, 'name') ?? 'all').toLowerCase() });
  fixedPath(walk, setting);
  walk.fields('AlterRoleSetStmt', node, scope, ['setstmt']);
}

function grant(walk: Walk, node: Tree, scope: Scope): void {
  grantOn(walk, node, false);
  walk.fields('GrantStmt', node, scope, ['objects']);
}

function grantOn(walk: Walk, node: Tree, defaults: boolean): void {
  const kind = objectKind(text(node, 'objtype'));
  const privileges = list(node, 'privileges').map((item) => text(as(item, 'AccessPriv') ?? {}, 'priv_name') ?? 'all');
  const to = roleNames(list(node, 'grantees')).map((name) => name ?? 'unknown');
  const action = flag(node, 'is_grant') ? 'grant' : 'revoke';
  const facts = {
    object: kind,
    privileges: privileges.length === 0 ? ['all'] : privileges,
    to,
    ...(flag(node, 'grant_option') ? { grant_option: true } : {}),
    ...(defaults ? { defaults: true } : {}),
    ...cascade(node),
  };
  const objects = list(node, 'objects');
  const whole = text(node, 'targtype') === 'ACL_TARGET_ALL_IN_SCHEMA';
  if (objects.length === 0) walk.sink.bare(action, facts);
  for (const object of objects) {
    const { type, name } = objectName(whole ? 'schema' : kind, namesOf(object));
    walk.sink.add(action, type, name, whole ? { ...facts, all_in_schema: true } : facts);
  }
}

function grantRole(walk: Walk, node: Tree, scope: Scope): void {
  const to = roleNames(list(node, 'grantee_roles')).map((name) => name ?? 'unknown');
  for (const item of list(node, 'granted_roles')) {
    const role = text(as(item, 'AccessPriv') ?? {}, 'priv_name');
    walk.sink.add(flag(node, 'is_grant') ? 'grant' : 'revoke', 'role', [role], { object: 'role', to, ...cascade(node) });
  }
  walk.fields('GrantRoleStmt', node, scope);
}

function named(action: string, change: string, nameField: string, type: string, alsoDrop = false): Handler {
  return (walk, node, scope) => {
    const name = text(node, nameField);
    const resource = type === 'object' ? [null, name] : [name];
    walk.sink.add(action, type, resource, { change: [change] });
    if (alsoDrop) walk.sink.add('drop', type, resource, { object: action, ...cascade(node) });
    if (text(node, 'conninfo') !== null) walk.secretAfter(walk.statementStart);
    walk.fields('', node, scope);
  };
}

function foreign(action: string, kind: string, nameField: string): Handler {
  return (walk, node, scope) => {
    passwords(walk, list(node, 'options'));
    walk.sink.add(action, 'object', [null, text(node, nameField)], { object: kind });
    walk.fields('', node, scope);
  };
}

export const ACCESS_STATEMENTS: Handlers = {
  CreateRoleStmt: roleStatement('create', (node) => [text(node, 'role')]),
  AlterRoleStmt: roleStatement('alter', (node) => [roleName(struct(node, 'role'))]),
  DropRoleStmt: roleStatement('drop', (node) => roleNames(list(node, 'roles'))),
  ReassignOwnedStmt: roleStatement('reassign_owned', (node) => roleNames(list(node, 'roles'))),
  DropOwnedStmt: (walk, node, scope) => {
    roleStatement('drop_owned', () => roleNames(list(node, 'roles')))(walk, node, scope);
    for (const name of roleNames(list(node, 'roles'))) walk.sink.add('drop', 'role', [name], { object: 'owned', ...cascade(node) });
  },
  AlterRoleSetStmt: roleSet,
  GrantStmt: grant,
  GrantRoleStmt: grantRole,
  AlterDefaultPrivilegesStmt: (walk, node) => {
    grantOn(walk, struct(node, 'action') ?? {}, true);
  },
  AlterSystemStmt: (walk, node, scope) => {
    const setting = struct(node, 'setstmt') ?? {};
    walk.sink.add('system', 'setting', [(text(setting, 'name') ?? 'all').toLowerCase()]);
    fixedPath(walk, setting);
    walk.fields('AlterSystemStmt', node, scope, ['setstmt']);
  },
  AlterDatabaseSetStmt: (walk, node, scope) => {
    const fixed = struct(node, 'setstmt') ?? {};
    const setting = (text(fixed, 'name') ?? 'all').toLowerCase();
    walk.sink.add('alter', 'database', [text(node, 'dbname')], { object: 'database', change: ['set'], setting });
    fixedPath(walk, fixed);
    walk.fields('AlterDatabaseSetStmt', node, scope, ['setstmt']);
  },
  CreateExtensionStmt: named('extension', 'create', 'extname', 'extension'),
  AlterExtensionStmt: named('extension', 'alter', 'extname', 'extension'),
  AlterExtensionContentsStmt: (walk, node) => {
    walk.sink.add('extension', 'extension', [text(node, 'extname')], { change: [integer(node, 'action') < 0 ? 'drop_member' : 'add_member'] });
  },
  CreateSubscriptionStmt: named('subscription', 'create', 'subname', 'object'),
  AlterSubscriptionStmt: named('subscription', 'alter', 'subname', 'object'),
  DropSubscriptionStmt: named('subscription', 'drop', 'subname', 'object', true),
  CreatePublicationStmt: named('publication', 'create', 'pubname', 'object'),
  AlterPublicationStmt: named('publication', 'alter', 'pubname', 'object'),
  CreateFdwStmt: foreign('create', 'fdw', 'fdwname'),
  AlterFdwStmt: foreign('alter', 'fdw', 'fdwname'),
  CreateForeignServerStmt: foreign('create', 'foreign_server', 'servername'),
  AlterForeignServerStmt: foreign('alter', 'foreign_server', 'servername'),
  CreateUserMappingStmt: foreign('create', 'user_mapping', 'servername'),
  AlterUserMappingStmt: foreign('alter', 'user_mapping', 'servername'),
  DropUserMappingStmt: foreign('drop', 'user_mapping', 'servername'),
  ImportForeignSchemaStmt: foreign('create', 'foreign_schema', 'local_schema'),
  LoadStmt: (walk, node) => {
    walk.sink.add('load', 'file', [text(node, 'filename')]);
  },
};
