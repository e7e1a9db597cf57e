/** Requests on a session channel, where no client of the system would send them: messages by hand, and what is asked for them. */
import { expect, it } from 'vitest';
import type { Operation } from '../../../src/contract/operation.js';
import { Channel } from '../../../src/protocols/ssh/channel.js';
import { clientRequest } from '../../../src/protocols/ssh/channel-requests.js';
import { boolean, message, string, uint32 } from '../../../src/protocols/ssh/codec/wire.js';
import type { Legs } from '../../../src/protocols/ssh/legs.js';
import { WaitingBytes } from '../../../src/protocols/ssh/waiting-bytes.js';

const STATEMENT_LIMIT = 1_000;

/** What is asked about a command. */
function askedFor(command: string): Operation | undefined {
  const asked: Operation[] = [];
  const legs = {
    guard: { masking: () => null },
    shell: 'posix',
    statementLimit: STATEMENT_LIMIT,
    ask: (operation: Operation) => asked.push(operation),
    down: () => undefined,
  } as unknown as Legs;
  clientRequest(message(98, uint32(0), string('exec'), boolean(true), string(command)), new Channel(legs, 0, 'session', null, new WaitingBytes()), legs);
  return asked[0];
}

it('a command that is too long to be judged is not read', () => {
  const longest = askedFor(`ls ${'x'.repeat(STATEMENT_LIMIT - 3)}`);
  expect({ forbidden: longest?.forbidden, actions: longest?.facts.effects.map(({ action }) => action) }).toEqual({ forbidden: null, actions: ['ssh.exec'] });
  const tooLong = askedFor(`ls ${'x'.repeat(STATEMENT_LIMIT - 2)}`);
  expect(tooLong?.forbidden).toContain('longer than the 1000 bytes');
  expect(tooLong?.facts.effects.map(({ action }) => action)).toEqual(['unknown']);
});
