/** What the script for fish holds. That fish completes with it is shown in test/e2e. */
import { describe, expect, it } from 'vitest';
import { type CompletedCommand, fishCompletion } from '../../src/cli/render/fish-completion.js';

const command = (id: string, more: Partial<CompletedCommand> = {}): CompletedCommand => ({ id, hidden: false, summary: `About ${id}.`, flags: {}, ...more });

describe('completion for fish', () => {
  const script = fishCompletion(
    [
      command('config'),
      command('config:ls'),
      command('sessions:ls', {
        flags: {
          state: { name: 'state', type: 'option', options: ['live', 'ended'], summary: "Only sessions in this state; it's short." },
          target: { name: 'target', char: 't', type: 'option', summary: 'Target.' },
          secret: { name: 'secret', type: 'boolean', hidden: true, summary: 'Not shown.' },
        },
      }),
      command('login', {
        flags: {
          browser: { name: 'browser', type: 'boolean', allowNo: true, summary: 'Open a browser.' },
          'ca-file': { name: 'ca-file', type: 'option', helpValue: 'FILE', summary: 'Authority.' },
        },
      }),
      command('overview', { hidden: true }),
    ],
    [
      { name: 'sessions', description: 'Live and past.' },
      { name: 'empty', description: 'No commands.' },
    ],
  );
  const lines = script.split('\n');

  it('offers topics, commands and commands of topics, each in its place', () => {
    expect(lines).toContain("complete -c gw -n '__gw_at' -a sessions -d 'Live and past.'");
    expect(lines).toContain("complete -c gw -n '__gw_at' -a config -d 'About config.'");
    expect(lines).toContain("complete -c gw -n '__gw_at config' -a ls -d 'About config:ls.'");
    expect(lines).toContain("complete -c gw -n '__gw_at sessions' -a ls -d 'About sessions:ls.'");
  });

  it('offers flags with their values, and files where a file is meant', () => {
    expect(lines).toContain("complete -c gw -n '__gw_in sessions ls' -l state -x -a 'live ended' -d 'Only sessions in this state; it\\'s short.'");
    expect(lines).toContain("complete -c gw -n '__gw_in sessions ls' -s t -l target -r -f -d 'Target.'");
    expect(lines).toContain("complete -c gw -n '__gw_in login' -l ca-file -r -F -d 'Authority.'");
    expect(lines).toContain("complete -c gw -n '__gw_in login' -l no-browser -d 'Not --browser.'");
  });

  it('offers nothing that is hidden or has no command', () => {
    for (const word of ['overview', 'empty', 'secret']) expect(script).not.toContain(word);
  });
});
