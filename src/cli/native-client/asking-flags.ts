/** The flags that say how a session wants to be asked for, where policy wants people to approve; the same for every command that opens one. */
import { boolean, string } from '@oclif/core/flags';
import { parseDuration } from '../../base/duration.js';
import type { TunnelHello } from '../../contract/api-types.js';
import { GwError } from '../../contract/gw-error.js';

export type AskingTerms = Required<Pick<TunnelHello, 'account' | 'reason' | 'ticket' | 'wait' | 'breakGlass'>>;

/** What `--wait` means without a time. */
const AS_LONG_AS_IT_TAKES = 'until-it-expires';

export const askingFlags = {
  as: string({
    summary: 'As which account of the target, where policy lets you be several. Also written ACCOUNT@TARGET or TARGET+ACCOUNT.',
    helpValue: 'ACCOUNT',
  }),
  reason: string({ summary: 'Why; kept in the record, and shown to those who approve.', helpValue: 'TEXT' }),
  ticket: string({ summary: 'Ticket that this belongs to; kept and shown likewise.', helpValue: 'ID' }),
  wait: string({
    summary: 'Where people must approve: wait so long (30m, 2h). Without a time, and by default: until the request expires.',
    helpValue: '[TIME]',
    exclusive: ['no-wait'],
  }),
  'no-wait': boolean({
    summary: 'Where people must approve: do not wait. The request stays; run the same again once it is approved. Exit code 5.',
    default: false,
  }),
  'break-glass': boolean({
    summary: 'Go past approval where policy permits it: loud, for a limited time, and reviewed by somebody else afterwards. Needs --reason.',
    default: false,
  }),
  record: boolean({
    summary: 'Record what is shown here, too, and upload it to the gateway: a second witness of the session. Policy may want it anyway.',
    default: false,
  }),
} as const;

/** `--wait` may stand alone or with a time, which the flag parser cannot say. */
export function withWait(own: readonly string[]): string[] {
  return own.map((word) => (word === '--wait' ? `--wait=${AS_LONG_AS_IT_TAKES}` : word));
}

interface Flags {
  readonly as?: string | undefined;
  readonly reason?: string | undefined;
  readonly ticket?: string | undefined;
  readonly wait?: string | undefined;
  readonly 'no-wait': boolean;
  readonly 'break-glass': boolean;
}

/** @throws GwError `usage.invalid` */
export function askingTerms(flags: Flags): AskingTerms {
  const { as: account = null, reason = null, ticket = null } = flags;
  if (flags['break-glass'] && (reason === null || reason.trim() === '')) {
    throw new GwError('usage.invalid', 'Breaking the glass needs a reason.', { hint: 'Add `--reason TEXT`: it is shown to whoever reviews it.' });
  }
  return { account, reason, ticket, wait: flags['no-wait'] ? 0 : waitOf(flags.wait), breakGlass: flags['break-glass'] };
}

function waitOf(text: string | undefined): number | null {
  if (text === undefined || text === AS_LONG_AS_IT_TAKES) return null;
  const wait = parseDuration(text);
  if (wait === null) throw new GwError('usage.invalid', `"${text}" is not a time to wait.`, { hint: 'Write --wait=30m, --wait=2h or --wait alone.' });
  return wait;
}
