/** The same by messages of the protocol that no text is: calls of functions, portals in pieces, pipelines, parameters that are bound, rows that stream in. */
import { bind, close, describe, execute, flush, frame, int32, parse, query, sync } from '../../support/raw-client.js';
import { type Script, type Step, step } from './two-worlds.js';

const sent = (text: string, ...messages: Buffer[]): Step => ({ text, bytes: Buffer.concat(messages), readies: 1, beside: false });

/** A FunctionCall message: the function by its OID, arguments and result as text. */
function functionCall(oid: number, ...args: string[]): Buffer {
  const short = (value: number): Buffer => Buffer.from([0, value]);
  return frame('F', int32(oid), short(0), short(args.length), ...args.flatMap((each) => [int32(Buffer.byteLength(each)), each]), short(0));
}

/** OIDs of PostgreSQL's own functions. */
const NEXTVAL = 1574;
const QUERY_TO_XML = 2925;
const PG_GET_EXPR = 1716;

export function attackMessages(): Script[] {
  const scripts: Script[] = [];
  const add = (name: string, ...steps: Step[]): void => void scripts.push({ name, steps });
  const run = (text: string, ...values: string[]): Buffer => Buffer.concat([parse('', text), bind('', '', ...values), execute('')]);
  add('function call of query_to_xml', sent('F', functionCall(QUERY_TO_XML, 'select ssn from bank.customers', 't', 't', '')));
  add('function call of nextval', sent('F', functionCall(NEXTVAL, '0')));
  add('function call of pg_get_expr', sent('F', functionCall(PG_GET_EXPR, '', '0')));
  add('function call after an error of a statement', sent('Q', query('select bank.k_int(ssn) from bank.customers')), sent('F', functionCall(NEXTVAL, '0')));
  add(
    'portal in pieces',
    sent(
      'P B E',
      parse('', 'select id, ssn, nullif(left(ssn, 1), $$K$$) from bank.customers'),
      bind('p', ''),
      describe('P', 'p'),
      execute('p', 1),
      execute('p', 1),
      execute('p', 0),
      sync(),
    ),
  );
  add(
    'portal in pieces, of a condition',
    sent('P B E', parse('', "select id from bank.customers where ssn > 'L'"), bind('p', ''), execute('p', 1), execute('p', 1), sync()),
  );
  add('portal in pieces, in an order', sent('P B E', parse('', 'select id from bank.customers order by ssn'), bind('p', ''), execute('p', 1), sync()));
  add(
    'portal that fails at its second row',
    sent(
      'P B E',
      parse('', 'select case id when 2 then 1 / (ascii(ssn) - 75) end from bank.customers order by id'),
      bind('p', ''),
      execute('p', 1),
      execute('p', 1),
      sync(),
    ),
  );
  add(
    'pipeline of which one fails',
    sent('pipeline', run("select setval('bank.numbers', 1)"), run('select bank.k_int(ssn) from bank.customers'), run("select nextval('bank.numbers')"), sync()),
    step('select last_value from bank.numbers'),
  );
  add(
    'pipeline with flushes',
    sent('pipeline', run('select ssn from bank.customers'), flush(), run('select id from bank.customers where left(ssn, 1) = $1', 'K'), flush(), sync()),
  );
  add(
    'pipeline that writes before',
    sent('pipeline', run('insert into bank.scratch select id, $1 from bank.customers', 'K'), run('select ssn from bank.customers where ssn > $1', 'L'), sync()),
  );
  add('condition that is bound', sent('P B E', run('select id from bank.customers where ssn > $1', 'L'), sync()));
  add('LIKE that is bound', sent('P B E', run('select id, ssn like $1 from bank.customers', 'K\\'), sync()));
  add('length that is bound', sent('P B E', run('select left(ssn, $1), substr(ssn, $1) from bank.customers', '-1'), sync()));
  add('limit that is bound', sent('P B E', run('select ssn from bank.customers order by id limit $1', '1'), sync()));
  add(
    'write that is bound',
    step('begin'),
    sent('P B E', run('insert into bank.people (id, ssn) select 12, left(ssn, $1) from bank.customers where id = 1', '1'), sync()),
    step('rollback'),
  );
  add(
    'statement that is described',
    sent('P D', parse('s', 'select ssn, bank.k_int(ssn) from bank.customers where ssn > $1'), describe('S', 's'), close('S', 's'), sync()),
  );
  add(
    'portal over a table that is altered',
    step('begin'),
    sent('P B', parse('s', 'select id, ssn from bank.made'), bind('p', 's'), execute('p', 1), flush(), execute('p', 0), sync()),
    step('alter table bank.made rename ssn to other'),
    sent('B E', bind('', 's'), execute(''), sync()),
    step('rollback'),
  );
  add(
    'copy in with a condition',
    step('begin'),
    sent('copy', query("copy bank.scratch from stdin where (select min(ssn) from bank.customers) > 'L'"), frame('c')),
    step('rollback'),
  );
  add(
    'several statements in one text',
    sent('Q', query("insert into bank.scratch values (1, 'x'); select ssn from bank.customers; select bank.k_int(ssn) from bank.customers; select 1")),
    step('select count(*) from bank.scratch'),
  );
  return scripts;
}
