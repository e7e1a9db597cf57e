/** `gw sessions ls`: live and past sessions. */
import { integer, option, string } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { sessionColumns } from '../../cli/render/session-columns.js';
import { say, visible } from '../../cli/terminal.js';
import type { SessionList } from '../../contract/api-types.js';

export default class SessionsLs extends GwCommand {
  static override summary = 'List sessions, live and past, newest first.';
  static override examples = [
    { description: 'What runs now', command: '<%= config.bin %> sessions ls --state live' },
    { description: "One person's sessions on one target, as CSV", command: '<%= config.bin %> sessions ls --name alice --target bank-db --output csv' },
  ];

  static override flags = {
    ...outputFlag,
    state: option({ summary: 'Only sessions in this state.', options: ['live', 'ended'] as const })(),
    target: string({ char: 't', summary: 'Only sessions on this target.', helpValue: 'NAME' }),
    name: string({ summary: 'Only sessions of this person, service or agent.', helpValue: 'NAME' }),
    limit: integer({ summary: 'At most so many.', default: 50, min: 1, max: 1000 }),
    before: string({ summary: 'Continue after this session of the page before.', helpValue: 'ID' }),
  };

  async run(): Promise<SessionList> {
    const { flags } = await this.parse(SessionsLs);
    const { client, clock } = await this.connect(flags);
    const { state, target, name, limit, before } = flags;
    const page = await client.sessions({ state, target, name, limit, before });
    await this.printRows({ columns: sessionColumns(clock.now()), rows: page.sessions, whole: page, empty: 'No sessions.' }, flags.output);
    if (page.next !== null && !this.jsonEnabled()) say(`There are more: add --before ${visible(page.next)}`);
    return page;
  }
}
