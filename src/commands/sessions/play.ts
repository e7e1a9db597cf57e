/** `gw sessions play ID`: a replay of a session at the terminal. */
import { string as stringArg } from '@oclif/core/args';
import { string } from '@oclif/core/flags';
import { parseDuration } from '../../base/duration.js';
import { GwCommand } from '../../cli/base-command.js';
import { Progress } from '../../cli/progress.js';
import { playAtTerminal } from '../../cli/record/play-at-terminal.js';
import { Playback } from '../../cli/record/playback.js';
import { replayJson, replayText } from '../../cli/record/print-replay.js';
import { type Cast, readCast } from '../../cli/record/read-cast.js';
import { hasKeyboard, say, visible, writeAllData, writeAllJson } from '../../cli/terminal.js';
import { GwError } from '../../contract/gw-error.js';

export default class SessionsPlay extends GwCommand {
  static override summary = 'Replay a session: what was asked and what came back, as it was delivered.';
  static override description =
    'Space pauses, the arrows left and right seek, up and down change the speed, n and p go to the next and the previous operation, q ends. Without a terminal all of it is printed at once. Ends with exit code 9 when the record is not intact.';
  static override examples = [
    { description: 'Replay a session', command: '<%= config.bin %> sessions play ses_01hxyz' },
    {
      description: 'Twice as fast, from the tenth minute on, no pause longer than two seconds',
      command: '<%= config.bin %> sessions play ses_01hxyz --speed 2 --from 10m --skip-idle 2s',
    },
    { description: 'Read it page by page', command: '<%= config.bin %> sessions play ses_01hxyz | less' },
  ];

  static override args = { id: stringArg({ description: 'Id of the session, from `gw sessions ls`.', required: true }) };
  static override flags = {
    speed: string({ summary: 'How many times as fast as it was.', default: '1', helpValue: 'N' }),
    from: string({ summary: 'Where to begin.', default: '0s', helpValue: 'TIME' }),
    'skip-idle': string({ summary: 'Longest pause in which nothing happens.', helpValue: 'TIME' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SessionsPlay);
    const speed = Number(flags.speed);
    if (!(speed > 0 && speed <= 64)) throw new GwError('usage.invalid', `"${flags.speed}" is not a speed.`, { hint: 'Write --speed 2 or --speed 0.5.' });
    const from = timeOf(flags.from);
    const idle = flags['skip-idle'] === undefined ? null : timeOf(flags['skip-idle']);
    const { client, settings } = await this.connect(flags);
    const pieces = new Progress().count('Reading the recording', await client.exportSession(args.id, 'asciicast'));
    const cast = await readCast(pieces, { dir: settings.paths.state, idle: this.jsonEnabled() ? null : idle });
    try {
      await this.#show(args.id, cast, new Playback(cast, { speed, from }));
    } finally {
      cast.events.close();
    }
    if (!cast.intact) {
      say(`The record of ${visible(args.id)} is NOT INTACT: see \`gw sessions show\`.`);
      process.exitCode = 9;
    }
  }

  async #show(session: string, cast: Cast, playback: Playback): Promise<void> {
    if (this.jsonEnabled()) await writeAllJson(replayJson(session, cast));
    else if (hasKeyboard()) await playAtTerminal(playback, say);
    else await writeAllData(replayText(playback));
  }
}

function timeOf(text: string): number {
  const time = parseDuration(text);
  if (time === null) throw new GwError('usage.invalid', `"${text}" is not a time.`, { hint: 'Write 90s, 10m or 1h30m.' });
  return time;
}
