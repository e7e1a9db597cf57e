/**
 * Reads the two byte streams of a tapped PostgreSQL connection: which operations the client asked for, and which bytes of their results it
 * was given. An independent reading of the protocol: nothing here comes from the gateway. Streams may end anywhere.
 */
import { ID } from './script.js';
import type { TappedConnection } from './wire-tap.js';

export interface WireOperation {
  readonly id: string;
  readonly text: string;
  /** Everything of the Bind behind the statement's name; null in the simple protocol. */
  readonly parameters: Buffer | null;
  /** Messages of its result as far as they came. */
  readonly down: Buffer;
  /** COPY data sent, as messages. */
  readonly up: Buffer;
}

export interface WireReading {
  readonly operations: readonly WireOperation[];
  /** The client said goodbye. */
  readonly terminated: boolean;
}

interface Draft {
  readonly text: string;
  readonly parameters: Buffer | null;
  readonly down: Buffer[];
  readonly up: Buffer[];
}

interface Awaited {
  readonly kind: 'Q' | 'P' | 'B' | 'D' | 'E' | 'C' | 'S';
  readonly draft: Draft | null;
}

const text = (bytes: Buffer, from: number): string => {
  const end = bytes.indexOf(0, from);
  return bytes.toString('utf8', from, end < 0 ? bytes.length : end);
};

export function readWire(connection: TappedConnection): WireReading {
  const { awaited, drafts, terminated } = asked(Buffer.concat(connection.up));
  answered(Buffer.concat(connection.down), awaited);
  const operations = drafts.flatMap((draft) => {
    const id = (ID.exec(draft.text) ?? ID.exec(draft.parameters?.toString('latin1', 0, 300) ?? ''))?.[0];
    return id === undefined ? [] : [{ id, text: draft.text, parameters: draft.parameters, down: Buffer.concat(draft.down), up: Buffer.concat(draft.up) }];
  });
  return { operations, terminated };
}

function asked(up: Buffer): { awaited: Awaited[]; drafts: Draft[]; terminated: boolean } {
  const awaited: Awaited[] = [];
  const drafts: Draft[] = [];
  const statements = new Map<string, string>();
  const portals = new Map<string, Draft>();
  let last: Draft | null = null;
  let terminated = false;
  // The first message, the start-up, has no type.
  for (let at = up.length < 4 ? up.length : up.readUInt32BE(0); up.length - at >= 5; ) {
    const type = String.fromCharCode(up[at] ?? 0);
    const next = at + 1 + up.readUInt32BE(at + 1);
    const whole = up.subarray(at, Math.min(next, up.length));
    const body = whole.subarray(5);
    if (next > up.length && type !== 'd') break;
    switch (type) {
      case 'Q':
        last = { text: text(body, 0), parameters: null, down: [], up: [] };
        drafts.push(last);
        awaited.push({ kind: 'Q', draft: last });
        break;
      case 'P': {
        const name = text(body, 0);
        statements.set(name, text(body, Buffer.byteLength(name) + 1));
        awaited.push({ kind: 'P', draft: null });
        break;
      }
      case 'B': {
        const portal = text(body, 0);
        const statement = text(body, Buffer.byteLength(portal) + 1);
        const head = Buffer.byteLength(portal) + Buffer.byteLength(statement) + 2;
        last = { text: statements.get(statement) ?? '', parameters: body.subarray(head), down: [], up: [] };
        drafts.push(last);
        portals.set(portal, last);
        awaited.push({ kind: 'B', draft: last });
        break;
      }
      case 'E':
        awaited.push({ kind: 'E', draft: portals.get(text(body, 0)) ?? null });
        break;
      case 'D':
      case 'C':
      case 'S':
        awaited.push({ kind: type, draft: null });
        break;
      case 'd':
        last?.up.push(whole);
        break;
      case 'X':
        terminated = true;
        break;
      default:
        break;
    }
    at = next;
  }
  return { awaited, drafts, terminated };
}

/** Messages that are about no request. */
const ASIDE = new Set(['A', 'S', 'K', 'R']);

function answered(down: Buffer, awaited: readonly Awaited[]): void {
  let head = 0;
  let ready = false;
  const skip = (): void => {
    while (head < awaited.length && awaited[head]?.kind !== 'S') head++;
  };
  for (let at = 0; down.length - at >= 5; ) {
    const type = String.fromCharCode(down[at] ?? 0);
    const next = at + 1 + down.readUInt32BE(at + 1);
    const message = down.subarray(at, Math.min(next, down.length));
    const whole = next <= down.length;
    at = next;
    if (!ready) {
      ready = type === 'Z';
      continue;
    }
    const waiting = awaited[head];
    if (waiting === undefined || ASIDE.has(type)) continue;
    const { kind, draft } = waiting;
    if (kind === 'Q' || kind === 'E' || (kind === 'B' && type === 'E')) {
      if (type !== 'Z') draft?.down.push(message);
    }
    // The description of what is run next is in the record of that run.
    const following = awaited[head + 1];
    if (kind === 'D' && type === 'T' && following?.kind === 'E') following.draft?.down.push(message);
    if (!whole) return;
    if (type === 'Z') head++;
    else if (kind === 'Q') continue;
    else if (type === 'E') skip();
    else if (type === '1' || type === '2' || type === '3' || (kind === 'D' && (type === 'T' || type === 'n'))) head++;
    else if (kind === 'E' && (type === 'C' || type === 'I' || type === 's')) head++;
  }
}
