/**
 * B6: functions and operators that somebody installed before. Nothing in the text says what they do, so the default guardrails, made to be
 * loaded beside any policy, let them pass; the rule that refuses them is one that a policy adds. This class is measured with that rule.
 */
import { type AttackClass, value } from '../attack-class.js';

export const NO_UNSEEN_CODE = `  - { id: no-unseen-code, effect: deny, actions: [call], facts: { class: [user] } }`;

export const UNSEEN_CODE: readonly AttackClass[] = [
  {
    name: 'functions of users',
    catalogue: 'B6',
    tries: 'call a function or operator whose body deletes',
    effect: 'state',
    payloads: value('bank.wipe()', '(select bank.wipe())', 'bank.fee(bank.wipe())', '1 + bank.wipe()', '1 operator(bank.~~>) bank.wipe()'),
  },
];
