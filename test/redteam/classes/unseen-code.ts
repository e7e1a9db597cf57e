/**
 * B6, and CVE-2018-1058: functions, operators and casts that somebody installed before. Nothing in the text says what they do, and the latter
 * two do not even show: their names are PostgreSQL's own until the path leads elsewhere. What they are is known from the catalog.
 */
import { type AttackClass, type Payload, value } from '../attack-class.js';

const OWNER = '(select owner from bank.accounts order by id limit 1)';
/** On the bare server it takes a path for the decoys to be found; the gateway lets that pass and judges the names. */
const underPath = (payloads: readonly Payload[]): Payload[] =>
  payloads.map((payload) => ({ ...payload, before: ['set search_path = decoy, public'], after: ['reset search_path'] }));

export const UNSEEN_CODE: readonly AttackClass[] = [
  {
    name: 'functions of users',
    catalogue: 'B6',
    tries: 'call a function or operator whose body deletes',
    effect: 'state',
    payloads: value('bank.wipe()', '(select bank.wipe())', 'bank.fee(bank.wipe())', '1 + bank.wipe()', '1 operator(bank.~~>) bank.wipe()'),
  },
  {
    name: 'namesakes',
    catalogue: 'B16',
    tries: "call a function, an operator or a cast that goes by the name of PostgreSQL's own, or by none",
    effect: 'state',
    payloads: underPath(value(`initcap(${OWNER})`, `(${OWNER} ^@ ${OWNER})`, `(${OWNER}::decoy.code)::text`, `cast('x' as decoy.word)`)),
  },
];
