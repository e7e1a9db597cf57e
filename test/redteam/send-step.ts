/** Sends one text in its wire form and waits until the server (or the gateway) is ready again. */
import { bind, describe, execute, fields, frame, int32, parse, query, type RawClient, type Reply, sync } from '../support/raw-client.js';
import type { Step } from './generate-attacks.js';

export interface Answer {
  /** SQLSTATE and message of every error. */
  readonly errors: readonly { readonly code: string; readonly message: string }[];
  /** `I`, `T` or `E`. */
  readonly status: string;
}

/** A connection that ends is an answer too: status `closed`. */
export async function sendStep(client: RawClient, step: Step): Promise<Answer> {
  const replies = await repliesTo(client, step).catch((cause: unknown) => {
    if (client.ended) return null;
    throw cause;
  });
  return replies === null ? { errors: [], status: 'closed' } : answerOf(replies);
}

function answerOf(replies: readonly Reply[]): Answer {
  return {
    errors: replies
      .filter((reply) => reply.type === 'E')
      .map((reply) => {
        const { C = '', M = '' } = fields(reply);
        return { code: C, message: M };
      }),
    status: replies.findLast((reply) => reply.type === 'Z')?.body.toString() ?? '',
  };
}

function repliesTo(client: RawClient, { text, form, values }: Step): Promise<Reply[]> {
  const run = (name: string): Buffer[] => [bind('', name, ...values), describe('P', ''), execute('')];
  const honest = [parse('', 'select 1'), bind('', ''), execute('')];
  switch (form) {
    case 'simple':
      client.send(query(text));
      return client.untilReady();
    case 'cut': {
      const bytes = query(text);
      const middle = Math.floor(bytes.length / 2);
      client.send(bytes.subarray(0, 3));
      client.send(bytes.subarray(3, middle));
      client.send(bytes.subarray(middle));
      return client.untilReady();
    }
    case 'extended':
      client.send(parse('', text), ...run(''), sync());
      return client.untilReady();
    case 'named':
      client.send(parse('attack', text), sync(), ...run('attack'), sync(), CLOSE, sync());
      return client.untilReady(3);
    case 'fastpath':
      client.send(functionCall(text));
      return client.untilReady();
    case 'pipeline':
      client.send(...honest, parse('', text), ...run(''), ...honest, sync());
      return client.untilReady();
    default:
      client.send(...honest, sync(), parse('', text), ...run(''), sync(), ...honest, sync());
      return client.untilReady(3);
  }
}

/** `OID ARGUMENT …`, all as text. */
function functionCall(text: string): Buffer {
  const [oid, ...args] = text.split(' ');
  const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
  return frame('F', int32(Number(oid)), int16(0), int16(args.length), ...args.flatMap((arg) => [int32(Buffer.byteLength(arg)), arg]), int16(0));
}

/** Close of the statement `attack`. */
const CLOSE = Buffer.from([0x43, 0, 0, 0, 12, 0x53, ...Buffer.from('attack'), 0]);
