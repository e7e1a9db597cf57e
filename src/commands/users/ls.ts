/** `gw users ls`: everyone who has logged in to the gateway. */
import { GwCommand, outputFlag } from '../../cli/base-command.js';
import { relativeTime } from '../../cli/render/relative-time.js';
import type { Column } from '../../cli/render/rows.js';
import type { SubjectRecord } from '../../contract/api-types.js';

function columns(now: number): readonly Column<SubjectRecord>[] {
  return [
    { name: 'name', value: (user) => user.name },
    { name: 'kind', value: (user) => user.kind },
    { name: 'groups', value: (user) => user.groups.join(' ') },
    { name: 'last_seen', value: (user) => user.lastSeenAt, show: (user) => relativeTime(user.lastSeenAt, now) },
    { name: 'locked', value: (user) => user.locked, show: (user) => (user.locked ? `by ${user.lockedBy ?? 'unknown'}: ${user.lockedReason ?? ''}` : '') },
    { name: 'subject', value: (user) => `${user.issuer}#${user.subject}` },
  ];
}

export default class UsersLs extends GwCommand {
  static override summary = 'List the people, services and agents that the gateway has seen.';
  static override examples = [{ description: 'Who is locked', command: "<%= config.bin %> users ls --json | jq '.users[] | select(.locked)'" }];
  static override flags = { ...outputFlag };

  async run(): Promise<{ readonly users: readonly SubjectRecord[] }> {
    const { flags } = await this.parse(UsersLs);
    const { client, clock } = await this.connect(flags);
    const users = await client.users();
    await this.printRows({ columns: columns(clock.now()), rows: users, whole: { users }, empty: 'Nobody yet.' }, flags.output);
    return { users };
  }
}
