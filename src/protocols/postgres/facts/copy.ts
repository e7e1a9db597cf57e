/**
 * COPY in all its forms. A relation copied out is read and one copied into is written, so rules on reads and inserts hold here too; PROGRAM
 * runs a command and a path names a file on the database server, each an effect of its own.
 */
import { Scope } from './scope.js';
import { field, flag, list, relationName, strings, struct, type Tree, text } from './tree.js';
import type { Handlers, Walk } from './walk.js';

export const COPY_STATEMENTS: Handlers = { CopyStmt: copy };

function copy(walk: Walk, node: Tree, scope: Scope): void {
  const inward = flag(node, 'is_from');
  const action = inward ? 'copy_from' : 'copy_to';
  const relation = struct(node, 'relation');
  const attributes = strings(list(node, 'attlist'));
  const columns = attributes.length === 0 ? null : attributes;
  if (relation === null) {
    walk.sink.bare(action);
  } else {
    const name = relationName(relation);
    walk.sink.add(action, 'relation', name, {}, columns);
    walk.sink.add(inward ? 'insert' : 'select', 'relation', name, {}, columns);
  }
  const filename = text(node, 'filename');
  if (flag(node, 'is_program')) walk.sink.add('copy_program', 'program', [filename], { direction: inward ? 'from' : 'to' });
  else if (filename !== null) walk.sink.add('copy_file', 'file', [filename], { direction: inward ? 'from' : 'to' });
  walk.visit(field(node, 'query'), scope);
  walk.fields('CopyStmt', node, new Scope(scope), ['relation', 'attlist', 'query']);
}
