/** `gw sessions ls`: live and past sessions. */
import { boolean, integer, option, string } from '@oclif/core/flags';
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { askSessions } from '../../cli/record/ask-sessions.js';
import { followSessions } from '../../cli/record/follow-sessions.js';
import { moment } from '../../cli/render/moment.js';
import { printRows } from '../../cli/render/rows.js';
import { sessionColumns } from '../../cli/render/session-columns.js';
import { say, visible } from '../../cli/terminal.js';
import type { SessionList } from '../../contract/api-types.js';
import { VERDICTS } from '../../contract/operation-index.js';

export default class SessionsLs extends GwCommand {
  static override summary = 'List sessions, live and past, newest first.';
  static override examples = [
    { description: 'What runs now', command: '<%= config.bin %> sessions ls --state live' },
    { description: 'What agents do for alice, as it happens', command: '<%= config.bin %> sessions ls --kind agent --acting-for alice --follow' },
    { description: "One person's sessions on one target, as CSV", command: '<%= config.bin %> sessions ls --name alice --target bank-db --output csv' },
  ];

  static override flags = {
    ...outputFlag,
    state: option({ summary: 'Only sessions in this state.', options: ['live', 'ended'] as const })(),
    target: string({ char: 't', summary: 'Only sessions on this target.', helpValue: 'NAME' }),
    name: string({ summary: 'Only sessions of this person, service or agent.', helpValue: 'NAME' }),
    kind: option({ summary: 'Only sessions of this kind of subject.', options: ['person', 'service', 'agent'] as const })(),
    'acting-for': string({ summary: 'Only sessions of agents and CI jobs that act for this subject.', helpValue: 'SUBJECT' }),
    since: string({ summary: 'Only sessions that began then or later.', helpValue: 'TIME' }),
    until: string({ summary: 'Only sessions that began before.', helpValue: 'TIME' }),
    relation: string({ summary: 'Only sessions with an operation on it.', helpValue: 'NAME' }),
    verdict: option({
      summary: 'Only sessions with an operation that was decided so; require_approval: that people had to be asked about.',
      options: VERDICTS,
    })(),
    action: string({ summary: 'Only sessions with an operation that does this: select, delete, …', helpValue: 'ACTION' }),
    masked: string({ summary: 'Only sessions with an operation that data of this class was masked in.', helpValue: 'CLASS' }),
    approval: string({
      summary: 'Only sessions with a request for approval: its id, a state (pending, approved, denied, expired, cancelled, used, revoked), or any.',
      helpValue: 'WHICH',
    }),
    follow: boolean({ summary: 'Go on: each session as it begins, and again as it ends. JSON and YAML are then a document for each.' }),
    limit: integer({ summary: 'At most so many.', default: 50, min: 1, max: 1000 }),
    before: string({ summary: 'Continue after this session of the page before.', helpValue: 'ID' }),
  };

  async run(): Promise<SessionList | undefined> {
    const { flags } = await this.parse(SessionsLs);
    const { client, clock } = await this.connect(flags);
    const { state, target, name, kind, relation, verdict, action, masked, approval, limit, before } = flags;
    const at = (text: string | undefined): string | undefined => (text === undefined ? undefined : moment(text, clock.now()));
    const same = { state, target, name, kind, relation, verdict, action, masked, approval, limit, before };
    const query = { ...same, onBehalfOf: flags['acting-for'], since: at(flags.since), until: at(flags.until) };
    const rowsOf = (page: SessionList) => ({ columns: sessionColumns(clock.now()), rows: page.sessions, whole: page, empty: 'No sessions.' });
    const ask = askSessions(client);
    if (flags.follow) {
      const ended = new AbortController();
      process.once('SIGINT', () => ended.abort());
      const format = this.jsonEnabled() ? 'json' : flags.output;
      let follow: 'begin' | 'on' = 'begin';
      for await (const { sessions, more } of followSessions(ask, query, ended.signal)) {
        await printRows({ ...rowsOf({ sessions, next: null }), follow, format });
        follow = 'on';
        if (more !== null) say(`More began than are shown here: ask for them with --before ${visible(more)}`);
      }
      return undefined;
    }
    const page = await ask(query);
    await this.printRows(rowsOf(page), flags.output);
    if (page.next !== null && !this.jsonEnabled()) say(`There are more: add --before ${visible(page.next)}`);
    return page;
  }
}
