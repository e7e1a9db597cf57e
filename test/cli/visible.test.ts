/** Other people's texts on a reviewer's screen: every character is seen, and nothing passes for something else. */
import { Chalk } from 'chalk';
import { expect, it } from 'vitest';
import { renderRequest } from '../../src/cli/render/request-text.js';
import { statementText } from '../../src/cli/render/statement-text.js';
import { visible, visibleLines } from '../../src/cli/terminal.js';
import type { ApprovalInfo } from '../../src/contract/api-types.js';

const plain = new Chalk({ level: 0 });

it('shows characters that are not drawn, reorder text or look like a space', () => {
  for (const hidden of [
    '\u00ad',
    '\u034f',
    '\u061c',
    '\u115f',
    '\u180e',
    '\u200b',
    '\u202e',
    '\u2066',
    '\u2800',
    '\u3164',
    '\ufe0f',
    '\ufeff',
    '\u{e0061}',
    '\u00a0',
    '\u3000',
  ]) {
    const shown = `a\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}b`;
    expect(visible(`a${hidden}b`)).toBe(shown);
    expect(statementText(`a${hidden}b`, 'sql', plain)).toBe(shown);
  }
  expect(visible('a b\u001b[2J\r\n')).toBe('a b\\u{1b}[2J\\r\\n');
  expect(visibleLines('é 漢字 😀\n\tx')).toBe('é 漢字 😀\n\tx');
  expect(statementText("select '😀' -- ok", 'sql', plain)).toBe("select '😀' -- ok");
});

it('shows each parameter, and each column that would be seen in clear, in one line of its own', () => {
  const operation = {
    text: 'delete from t where $1 = $1 or $2::bool',
    redacted: null,
    summary: 'deletes from t',
    resources: [],
    unknown: [],
    clears: [
      { column: 'bank.customers.ssn', class: 'ssn', rules: ['bank/by-yes'] },
      { column: 'bank.x\nIN CLEAR   nothing', class: 'pan', rules: ['bank/a', 'bank/b'] },
      { column: 'bank.notes.body', class: 'ssn', detected: true, rules: ['bank/by-yes'] },
    ],
    language: 'sql',
    parameters: [
      { type: '25', form: 'text', value: "x'\n  $2 = 'false' (type 16)\n" },
      { type: '16', form: 'text', value: 'true' },
    ],
  };
  const request = {
    ...({ missing: [], votes: [], reasons: [], requester: {} } as object),
    operation,
    estimate: null,
    kind: 'operation',
  } as unknown as ApprovalInfo;
  const lines = renderRequest(
    {
      ...request,
      onBehalfOf: null,
      scope: null,
      grantSeconds: null,
      ended: null,
      used: null,
      review: null,
      tier: null,
      ticket: null,
      rule: null,
      session: null,
      reason: null,
    },
    0,
    plain,
  ).split('\n');
  expect(lines.filter((line) => line.startsWith('IN CLEAR'))).toEqual([
    'IN CLEAR   bank.customers.ssn (class ssn, by mask bank/by-yes)',
    'IN CLEAR   bank.x\\nIN CLEAR   nothing (class pan, by mask bank/a, bank/b)',
    'IN CLEAR   bank.notes.body (what detectors find of class ssn, by mask bank/by-yes)',
  ]);
  expect(lines.filter((line) => line.startsWith('  $'))).toEqual(["  $1 = 'x'\\n  $2 = 'false' (type 16)\\n' (type 25)", "  $2 = 'true' (type 16)"]);
});
