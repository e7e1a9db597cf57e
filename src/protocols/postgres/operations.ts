/**
 * The words that policy can use for PostgreSQL: actions, the facts that their effects carry, and the resources they are on. Everything that
 * `facts/` can say is listed here and a test holds the two equal. These words are public surface: policies are written with them.
 */
import type { ActionDescriptor, FactDescriptor } from '../../contract/protocol.js';

const action = (name: string, description: string, ...facts: readonly string[]): ActionDescriptor => ({ name, description, facts });

export const actions: readonly ActionDescriptor[] = [
  // ---- data
  action('select', 'Reads a relation: SELECT, TABLE, COPY TO, RETURNING, a condition on the target of a write. Without a resource: a query that reads no relation.', 'limit', 'for_update', 'only_constants'),
  action('insert', 'Adds rows: INSERT, MERGE … INSERT, COPY FROM.', 'returning', 'on_conflict'),
  action('update', 'Changes rows: UPDATE, INSERT … ON CONFLICT DO UPDATE, MERGE … UPDATE. Columns are those written.', 'where', 'returning'),
  action('delete', 'Removes rows: DELETE, MERGE … DELETE.', 'where', 'returning'),
  action('merge', 'MERGE into a relation; what its branches write is further effects.', 'where', 'returning'),
  action('truncate', 'TRUNCATE of a relation.', 'cascade'),
  action('copy_from', 'COPY … FROM: rows stream in.'),
  action('copy_to', 'COPY … TO: rows stream out. Without a resource: the result of a query.'),
  action('copy_program', 'COPY … PROGRAM: a command runs on the database server.', 'direction'),
  action('copy_file', 'COPY with a file on the database server.', 'direction'),
  action('call', 'Calls a function, or an operator named with its schema. One effect for each distinct function.', 'class', 'operator'),
  action('procedure', 'CALL of a procedure; comes with `unknown`, as its body is not in the text.'),
  action('do', 'DO: an anonymous code block; comes with `unknown`.'),
  // ---- schema
  action('create', 'Creates a database object, SELECT INTO and CREATE TABLE AS included.', 'object', 'into', 'temporary', 'security_definer'),
  action('alter', 'Changes the definition of a database object.', 'object', 'change', 'cascade', 'setting', 'security_definer', 'part'),
  action('drop', 'Drops a database object, or all that a role owns.', 'object', 'cascade', 'part'),
  action('rename', 'Renames a database object or a part of one.', 'object', 'part'),
  action('comment', 'COMMENT ON.', 'object', 'part'),
  action('security_label', 'SECURITY LABEL.', 'object', 'part'),
  action('refresh', 'REFRESH MATERIALIZED VIEW.'),
  action('extension', 'Creates, changes or drops an extension.', 'change'),
  action('publication', 'Creates, changes or drops a publication.', 'change'),
  action('subscription', 'Creates, changes or drops a subscription.', 'change'),
  // ---- rights
  action('grant', 'GRANT of privileges or of a role, and ALTER DEFAULT PRIVILEGES … GRANT.', 'object', 'privileges', 'to', 'grant_option', 'defaults', 'all_in_schema', 'cascade'),
  action('revoke', 'REVOKE of privileges or of a role, and ALTER DEFAULT PRIVILEGES … REVOKE.', 'object', 'privileges', 'to', 'grant_option', 'defaults', 'all_in_schema', 'cascade'),
  action('role', 'Creates, changes or drops a role, its password or settings; REASSIGN OWNED, DROP OWNED.', 'change', 'password', 'options', 'setting'),
  action('session_role', 'Becomes another role: SET ROLE, SET SESSION AUTHORIZATION, RESET of them, set_config. Without a name: the original role.', 'scope', 'setting'),
  // ---- session
  action('set', 'Changes a setting: SET, set_config, options of BEGIN and SET TRANSACTION.', 'scope', 'value'),
  action('reset', 'RESET of a setting, or of `all`.', 'scope'),
  action('show', 'SHOW of a setting, or of `all`.'),
  action('transaction', 'Begins, ends or marks a transaction.', 'kind', 'chain'),
  action('explain', 'EXPLAIN. Without ANALYZE, each relation of the statement gives one more effect of this action; with it, what runs is further effects.', 'analyze', 'of'),
  action('prepare', 'PREPARE; what is prepared is further effects.'),
  action('execute', 'EXECUTE; what was prepared is further effects.'),
  action('deallocate', 'DEALLOCATE of one or (without a name) of all prepared statements.'),
  action('declare', 'DECLARE CURSOR; its query is further effects.'),
  action('fetch', 'FETCH or MOVE; the query of the cursor is further effects.', 'move'),
  action('close', 'CLOSE of one or (without a name) of all cursors.'),
  action('discard', 'DISCARD.', 'target'),
  action('listen', 'LISTEN on a channel.'),
  action('unlisten', 'UNLISTEN of one or (without a name) of all channels.'),
  action('notify', 'NOTIFY, pg_notify. Without a name: a channel that is computed.'),
  action('lock', 'LOCK TABLE.'),
  // ---- the server
  action('vacuum', 'VACUUM. Without a resource: of the whole database.', 'full'),
  action('analyze', 'ANALYZE. Without a resource: of the whole database.', 'full'),
  action('cluster', 'CLUSTER. Without a resource: of the whole database.'),
  action('reindex', 'REINDEX.', 'object'),
  action('checkpoint', 'CHECKPOINT.'),
  action('load', 'LOAD of a shared library.'),
  action('system', 'ALTER SYSTEM.'),
  action('unknown', 'Something whose effect cannot be known from the text: it does not parse, runs code that is not in it, or names what the session never prepared.', 'reason', 'syntax_error'),
];

const fact = (name: string, type: FactDescriptor['type'], description: string, values: readonly string[] | null = null): FactDescriptor => ({ name, description, type, values });

export const facts: readonly FactDescriptor[] = [
  fact('where', 'string', 'Which rows a write can touch. `effective`: a column of the target is held against a value that is not of the same row. `vacuous`: true for every row. `unknown`: neither can be proved.', ['none', 'vacuous', 'effective', 'unknown']),
  fact('limit', 'number', 'Constant LIMIT of the query that reads the relation.'),
  fact('for_update', 'boolean', 'The rows read are locked (FOR UPDATE, FOR SHARE and their kin).'),
  fact('only_constants', 'boolean', 'The query neither reads a relation nor calls a function.'),
  fact('returning', 'boolean', 'The rows written are returned.'),
  fact('on_conflict', 'string', 'What an INSERT does with rows that exist.', ['nothing', 'update']),
  fact('cascade', 'boolean', 'CASCADE is given: what depends on it goes too.'),
  fact('direction', 'string', 'Direction of COPY as the statement says it.', ['from', 'to']),
  fact('class', 'string', 'What the function can do beyond computing a value. `plain`: comes with PostgreSQL and only computes or reports; `user`: anything else, whose body is not in the text.', [
    'file', 'program', 'dynamic_sql', 'settings', 'admin', 'lock', 'large_object', 'network', 'sleep', 'sequence', 'notify', 'plain', 'user',
  ]),
  fact('operator', 'boolean', 'The function is an operator.'),
  fact('object', 'string', 'Kind of the object. `owned`: all that a role owns.', [
    'table', 'view', 'matview', 'index', 'sequence', 'foreign_table', 'column', 'tabconstraint', 'trigger', 'rule', 'policy', 'schema', 'database', 'role', 'owned',
    'function', 'procedure', 'aggregate', 'routine', 'type', 'domain', 'domconstraint', 'attribute', 'extension', 'language', 'tablespace', 'event_trigger',
    'publication', 'subscription', 'foreign_server', 'fdw', 'user_mapping', 'foreign_schema', 'operator', 'opclass', 'opfamily', 'cast', 'collation', 'conversion', 'transform',
    'statistic_ext', 'access_method', 'largeobject', 'parameter_acl', 'tsconfiguration', 'tsdictionary', 'tsparser', 'tstemplate', 'default', 'system', 'unknown',
    'defacl', 'amop', 'amproc', 'publication_namespace', 'publication_rel',
  ]),
  fact('part', 'string', 'Name of the column, trigger, rule, policy or constraint within the relation.'),
  fact('change', 'strings', 'What is changed. Of `alter`: drop_column, add_column, alter_column_type, owner, schema, set … Of `role`, `extension`, `publication` and `subscription`, one word: create, alter, drop, set, reassign_owned, drop_owned, add_member, drop_member.'),
  fact('into', 'boolean', 'The table is filled by a query.'),
  fact('temporary', 'boolean', 'The table is temporary.'),
  fact('security_definer', 'boolean', "The function runs with its owner's rights."),
  fact('setting', 'string', 'Name of the setting that is fixed to a role or database, or `role` / `session_authorization`.'),
  fact('privileges', 'strings', 'Privileges granted or revoked, `all` included.'),
  fact('to', 'strings', 'Roles that gain or lose; `public` is everyone.'),
  fact('grant_option', 'boolean', 'With the right to grant on.'),
  fact('defaults', 'boolean', 'Default privileges: of objects that do not exist yet.'),
  fact('all_in_schema', 'boolean', 'On all objects of that kind in the schema.'),
  fact('password', 'boolean', 'A password is set or cleared.'),
  fact('options', 'strings', 'Options of the role statement as PostgreSQL calls them: superuser, createrole, bypassrls, validUntil …'),
  fact('scope', 'string', 'How long the setting holds.', ['local', 'session']),
  fact('value', 'string', 'The new value, when it is a constant.'),
  fact('kind', 'string', 'Which transaction command.', ['begin', 'start', 'commit', 'rollback', 'savepoint', 'release', 'rollback_to', 'prepare', 'commit_prepared', 'rollback_prepared', 'set_constraints']),
  fact('chain', 'boolean', 'AND CHAIN.'),
  fact('analyze', 'boolean', 'The explained statement is run.'),
  fact('of', 'string', 'What the explained statement would do to the relation.', ['select', 'insert', 'update', 'delete', 'merge', 'create', 'declare', 'refresh']),
  fact('move', 'boolean', 'MOVE: the cursor moves and nothing is returned.'),
  fact('target', 'string', 'What DISCARD discards.', ['all', 'plans', 'sequences', 'temp']),
  fact('full', 'boolean', 'VACUUM FULL.'),
  fact('reason', 'string', 'Why the effect is not known.'),
  fact('syntax_error', 'boolean', 'The text does not parse.'),
];

/** Types of resources and the parts of their names, outermost first. A part that the text leaves open is null. */
export const resources: Readonly<Record<string, readonly string[]>> = {
  relation: ['schema', 'name'],
  function: ['schema', 'name'],
  type: ['schema', 'name'],
  schema: ['name'],
  database: ['name'],
  role: ['name'],
  extension: ['name'],
  setting: ['name'],
  statement: ['name'],
  cursor: ['name'],
  channel: ['name'],
  file: ['path'],
  program: ['command'],
  object: ['schema', 'name'],
};
