/**
 * Every spelling of a hidden value in every way for a result to come: what must be found in it by the search when it is shown, so that finding nothing when it is
 * hidden says something. What no server and no message can show is left out by name, with the reason.
 */
import { DELIVERIES, type Delivery, delivered, type HiddenStatement } from './hidden-statements.js';
import { SPELLINGS, type Spelling } from './spelled-values.js';

/** Errors that say that a name is wrong, or a syntax, and are of a value all the same: by SQLSTATE. `@` is the value. */
const NAMING = {
  'error 42P01': 'quote_ident(@)::regclass',
  'error 42704': 'current_setting(@)',
  'error 42601': "(@ || ' &')::tsquery",
  'error 3D000': "has_database_privilege(@, 'connect')",
  'error 3F000': "has_schema_privilege(@, 'usage')",
} as const;
type NamingError = keyof typeof NAMING;
const NAMING_ERRORS = Object.keys(NAMING) as readonly NamingError[];
const isNaming = (delivery: SpelledDelivery): delivery is NamingError => delivery in NAMING;

export type SpelledDelivery = Delivery | 'error' | 'detail of an error' | NamingError | 'notice' | 'notification' | 'setting';

/** Ways for words of the server to come, beside results. */
const SAID = ['error', 'detail of an error', ...NAMING_ERRORS, 'notice', 'notification', 'setting'] as const;

export interface SpelledStatement extends HiddenStatement<SpelledDelivery> {
  readonly spelling: Spelling;
  /** Kinds, one of which must be found. */
  readonly kinds: readonly string[];
}

const BINARY: ReadonlySet<string> = new Set(['extended binary', 'binary cursor', 'copy binary']);

/** Longer than a name of an application, and told by their whole. */
const LONG: ReadonlySet<string> = new Set(['sha512', 'sha256', 'a row in JSON']);
/** Longer than a name of a relation, too. */
const LONG_NAMES: ReadonlySet<string> = new Set([...LONG, 'bits of a number', 'bits', 'in words']);

const PART_ONLY: ReadonlySet<string> = new Set(['int2', 'days since 2000']);
const WORDS: ReadonlySet<string> = new Set<SpelledDelivery>(['error', 'detail of an error', ...NAMING_ERRORS, 'setting']);

/** Why there is no such statement; null: there is. */
function impossible(delivery: SpelledDelivery, { name, each, sql }: Spelling): string | null {
  if (delivery === 'explain') return 'a plan has names and numbers of rows, and no value of a row';
  if ((delivery === 'error' || delivery === 'detail of an error' || isNaming(delivery)) && each === true)
    return 'an error ends the statement at its first row, which has one character';
  if (delivery === 'setting' && each === true) return 'the server reports a setting once for a statement, with what the last row made of it';
  if (delivery === 'error 42P01' && LONG_NAMES.has(name)) return 'the server keeps 63 bytes of the name of a relation, and the value is behind them';
  if (delivery === 'setting' && LONG.has(name)) return 'the server keeps 63 bytes of the name of an application, and the value is behind them';
  if (PART_ONLY.has(name) && WORDS.has(delivery)) return 'four or five digits are told from others as a whole field alone, and words have none';
  if ((delivery === 'view' || delivery === 'temporary table') && sql.startsWith('row(')) return 'no relation has a column of the type record';
  return null;
}

/** What each of the kinds is, in the message that it comes in. */
function kindsIn(delivery: SpelledDelivery, { text, binary, each }: Spelling): readonly string[] {
  const kinds = BINARY.has(delivery) ? binary : text;
  // It is read from its end.
  return delivery === 'holdable cursor' && each === true ? kinds.flatMap((kind) => [kind, ...BACKWARDS(kind)]) : kinds;
}
const BACKWARDS = (kind: string): readonly string[] => {
  if (kind === 'as it is') return ['reversed'];
  if (kind.startsWith('reversed, ')) return [kind.slice('reversed, '.length)];
  return kind.startsWith('digits') ? [kind.replace('digits', 'digits, reversed')] : [`reversed, ${kind}`];
};

function queryOf({ sql, column, each, together }: Spelling): { readonly list: string; readonly from: string } {
  const list = sql.replaceAll('@', `c.${column}`);
  if (together === true) return { list, from: 'bank.customers c' };
  const length = column === 'card' ? 10 : 19;
  return { list, from: each === true ? `bank.customers c, generate_series(1, ${length}) g where c.id = 1` : 'bank.customers c where c.id = 1' };
}

function textsOf(delivery: SpelledDelivery, spelling: Spelling, id: number): readonly string[] {
  const { list, from } = queryOf(spelling);
  const order = spelling.each === true ? ' order by g' : '';
  // The value alone: what says words says one.
  const said = list.replace(/, g$/, '');
  const query = `select ${list} from ${from}${order}`;
  switch (delivery) {
    case 'error 42P01':
    case 'error 42704':
    case 'error 42601':
    case 'error 3D000':
    case 'error 3F000':
      return [`select ${NAMING[delivery].replace('@', `(${said})::text`)} from ${from}`];
    case 'error':
      return [`select ('not ' || (${said})::text)::uuid from ${from}`];
    case 'detail of an error':
      return [`insert into bank.said select v from (select (${said})::text as v from ${from}) q, generate_series(1, 2)`];
    case 'notice':
      return [`select bank.say(v) from (select (${said})::text as v from ${from}${order}) q`];
    case 'notification':
      // The same words twice in one transaction come once.
      return [
        `listen told_${id}`,
        `select pg_notify('told_${id}', v || repeat(' ', n::int)) from (select v, row_number() over () as n from (select (${said})::text as v from ${from}${order}) p) q`,
        'commit',
        'unlisten *',
      ];
    case 'setting':
      return [`select set_config('application_name', (${said})::text, true) is null from ${from}`];
    case 'returning':
      if (spelling.together === true || spelling.each === true)
        return [`with c as (update bank.customers c set name = c.name returning c.*) select ${list} from ${from.replace('bank.customers c', 'c')}${order}`];
      return [`update bank.customers c set name = c.name where c.id = 1 returning ${list}`];
    default:
      return delivered(delivery, query, id);
  }
}

/** Those that a server of this version can answer. */
export function spelledStatements(version: number): { readonly statements: readonly SpelledStatement[]; readonly impossible: readonly string[] } {
  const statements: SpelledStatement[] = [];
  const left: string[] = [];
  for (const delivery of [...DELIVERIES, ...SAID]) {
    for (const spelling of SPELLINGS.filter(({ since = 0 }) => since <= version)) {
      const why = impossible(delivery, spelling);
      if (why !== null) left.push(`${delivery} × ${spelling.name}: ${why}`);
      else {
        const id = statements.length;
        const texts = textsOf(delivery, spelling, 100_000 + id);
        statements.push({ id, delivery, shape: spelling.name, texts, spelling, kinds: kindsIn(delivery, spelling) });
      }
    }
  }
  return { statements, impossible: left };
}
