/**
 * The reviewer at the terminal: a live list of what waits, one request whole, a decision. Nothing is decided by pressing Enter; an approval
 * carries the digest of what was on the screen, so that what was read is what is approved.
 */
import type { Clock } from '../../base/clock.js';
import type { GatewayClient } from '../../client/gateway-client.js';
import type { ApprovalInfo, ApprovalList } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';
import { sayError } from '../failure.js';
import { renderRequest, requestColumns } from '../render/request-text.js';
import { renderTable } from '../render/table.js';
import { paintErr, say, visible } from '../terminal.js';
import { Prompt } from './prompt.js';

/** Seconds that one request for changes of the list may take. */
const WAIT = 10;

interface Desk {
  readonly client: GatewayClient;
  readonly clock: Clock;
}

/** Ends when the reviewer does. */
export async function reviewLive(desk: Desk): Promise<void> {
  const terminal = new Prompt();
  try {
    let list = await desk.client.requests({ for: 'me' });
    for (;;) {
      printList(list, desk.clock);
      const chosen = await chooseFrom(list, desk.client, terminal);
      if (chosen.kind === 'end') return;
      if (chosen.kind === 'request') await tryReview(desk, chosen.id, terminal);
      list = chosen.kind === 'changed' ? chosen.list : await desk.client.requests({ for: 'me' });
    }
  } finally {
    terminal.close();
  }
}

function printList({ requests }: ApprovalList, clock: Clock): void {
  if (requests.length === 0) {
    say(paintErr.dim('Nothing waits for you. This list is live; Ctrl-C ends it.'));
    return;
  }
  const columns = requestColumns(clock.now()).filter(({ name }) => name !== 'state');
  const rows = requests.map((request, index) => [String(index + 1), ...columns.map((column) => column.show?.(request) ?? String(column.value(request) ?? ''))]);
  say(renderTable(['#', ...columns.map(({ name }) => name.toUpperCase())], rows, paintErr).trimEnd());
}

type Choice =
  | { readonly kind: 'end' }
  | { readonly kind: 'request'; readonly id: string }
  | { readonly kind: 'changed'; readonly list: ApprovalList }
  | { readonly kind: 'again' };

/** What the reviewer types, or a list that changed meanwhile, whichever comes first. */
async function chooseFrom(list: ApprovalList, client: GatewayClient, terminal: Prompt): Promise<Choice> {
  const asking = new AbortController();
  const typed = async (): Promise<Choice> => {
    const word = await terminal.ask(list.requests.length === 0 ? '' : 'Number to look at (q ends): ', asking.signal);
    if (word === null) return { kind: terminal.isOver ? 'end' : 'again' };
    if (word === 'q' || word === 'quit') return { kind: 'end' };
    const request = /^\d+$/.test(word) ? list.requests[Number(word) - 1] : list.requests.find(({ id }) => id === word);
    return request === undefined ? { kind: 'again' } : { kind: 'request', id: request.id };
  };
  let over = false;
  const changed = async (): Promise<Choice> => {
    while (!over) {
      const next = await client.requests({ for: 'me', since: list.state, wait: WAIT });
      if (next.state !== list.state) return { kind: 'changed', list: next };
    }
    return { kind: 'again' };
  };
  try {
    const choice = await Promise.race([typed(), changed()]);
    if (choice.kind === 'changed') say('');
    return choice;
  } finally {
    over = true;
    asking.abort();
  }
}

async function tryReview(desk: Desk, id: string, terminal: Prompt): Promise<void> {
  try {
    await review(desk, await desk.client.request(id), terminal);
  } catch (thrown) {
    // Somebody was faster, or it expired while it was read: the list goes on.
    sayError(GwError.from(thrown));
  }
}

/** One request at the terminal. */
export async function reviewOne(desk: Desk, request: ApprovalInfo): Promise<ApprovalInfo> {
  const terminal = new Prompt();
  try {
    return await review(desk, request, terminal);
  } finally {
    terminal.close();
  }
}

async function review({ client, clock }: Desk, request: ApprovalInfo, terminal: Prompt): Promise<ApprovalInfo> {
  say(renderRequest(request, clock.now(), paintErr));
  if (!request.decidable) {
    say(`This is not for you to decide${request.state === 'pending' ? '' : `: it is ${request.state}`}.`);
    return request;
  }
  const over = request.kind === 'break_glass' ? 'Accepted' : 'Approved';
  for (;;) {
    const answer = (await terminal.ask('approve, deny, or skip? '))?.toLowerCase() ?? null;
    if (answer === null) say('');
    if (answer === null || answer === 'skip' || answer === 's') return request;
    if (answer === 'deny' || answer === 'd') {
      const reason = (await terminal.ask('Why? ')) ?? '';
      if (reason !== '') return said(await client.deny(request.id, reason), 'Denied');
    } else if (answer === 'approve' || answer === 'a') {
      let target: string | null = null;
      if (request.confirmTarget) target = await terminal.ask(`Highest tier. Type the name of the target (${visible(request.target)}): `);
      if (!request.confirmTarget || target === request.target)
        return said(await client.approve(request.id, { digest: request.digest, target, reason: '' }), over);
      say('That is not its name; nothing was approved.');
    } else say('Type approve, deny or skip, or its first letter.');
  }
}

function said(request: ApprovalInfo, word: string): ApprovalInfo {
  sayDecision(request, word);
  return request;
}

export function sayDecision(request: ApprovalInfo, word: string): void {
  const more = request.missing.map(({ people, groups }) => `${people} more of ${groups.join(' or ')}`).join(', ');
  say(`${word} ${visible(request.id)}${more === '' ? '' : `; it still needs ${visible(more)}`}.`);
}
