/** `gw hold add`: keeps records, whatever retention and erasure say. */
import { string } from '@oclif/core/flags';
import { closestWord } from '../../base/closest-word.js';
import { GwCommand } from '../../cli/base-command.js';
import { sayWarning } from '../../cli/failure.js';
import { findUser } from '../../cli/find-user.js';
import { say, visible } from '../../cli/terminal.js';
import { GwError } from '../../contract/gw-error.js';
import type { Hold } from '../../contract/record-keeping.js';

type Covered = Pick<Hold, 'scope' | 'value' | 'issuer'>;

export default class HoldAdd extends GwCommand {
  static override summary = 'Place a legal hold on a session, a target or a subject.';
  static override description =
    'Records that it covers are neither erased nor do they expire until the hold is released; sessions to come are covered too. For administrators. Each hold is an entry of the audit log.';
  static override examples = [
    { description: 'Keep one session', command: '<%= config.bin %> hold add --session ses_01hxyz --reason "case 2026-17"' },
    { description: 'Keep all that alice did', command: '<%= config.bin %> hold add --user alice --reason "case 2026-17"' },
    { description: 'Keep everything on a target', command: '<%= config.bin %> hold add --target bank-db --reason "audit of the ledger"' },
  ];

  static override flags = {
    session: string({ summary: 'Id of a session.', exactlyOne: ['session', 'target', 'user'], exclusive: ['target', 'user'], helpValue: 'ID' }),
    target: string({ char: 't', summary: 'Name of a target.', exclusive: ['user'], helpValue: 'NAME' }),
    user: string({ summary: 'Short name, or ISSUER#SUBJECT, of a person, service or agent.', helpValue: 'USER' }),
    reason: string({ summary: 'Why; kept in the record.', required: true, helpValue: 'TEXT' }),
  };

  async run(): Promise<Hold> {
    const { flags } = await this.parse(HoldAdd);
    const { client } = await this.connect(flags);
    const covered = async (): Promise<Covered> => {
      if (flags.session !== undefined) return { scope: 'session', value: flags.session, issuer: null };
      if (flags.target !== undefined) return { scope: 'target', value: flags.target, issuer: null };
      if (flags.user === undefined) throw new GwError('usage.invalid', 'Say what to hold: --session, --target or --user.');
      const { issuer, subject } = findUser(await client.users(), flags.user);
      return { scope: 'subject', value: subject, issuer };
    };
    // First: where the question fails, no hold stands behind the error.
    const targets = flags.target === undefined ? [] : (await client.targets()).map(({ name }) => name);
    const hold = await client.recordKeeping.addHold({ ...(await covered()), reason: flags.reason });
    if (!this.jsonEnabled()) say(`Placed ${visible(hold.id)} on the ${hold.scope} ${visible(hold.value)}.`);
    if (flags.target !== undefined && !targets.includes(flags.target)) sayWarning(notConfigured(flags.target, targets));
    return hold;
  }
}

/** A target of that name may have been there once, or come. */
function notConfigured(target: string, targets: readonly string[]): string {
  const near = closestWord(target, targets);
  return `No target "${visible(target)}" is configured now: the hold keeps what there is of one that was, and what comes of one that will be.${near === null ? '' : ` Did you mean ${visible(near)}?`}`;
}
