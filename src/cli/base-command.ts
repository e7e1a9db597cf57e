/**
 * What every command of gw has in common: the flags that choose a gateway, `--json`, `--debug`, `--no-input`, and that a failure is
 * not printed here but handed to `failure.ts`. A command parses, calls one function, prints.
 */
import { Command } from '@oclif/core/command';
import { boolean, option, string } from '@oclif/core/flags';
import { type Connection, openConnection, openReach, type Reach } from './connection.js';
import { type Environment, readEnvironment } from './environment.js';
import { loadSettings, type SettingFlags, type Settings } from './profile/settings.js';
import { OUTPUT_FORMATS, type OutputFormat, printRows, type RowsOptions } from './render/rows.js';
import { writeData, writeJson } from './terminal.js';

const GROUP = 'GLOBAL';

/** For commands that print rows. */
export const outputFlag = {
  output: option({ char: 'o', options: OUTPUT_FORMATS, summary: 'Form of the output; a table on a terminal and tab-separated values in a pipe by default.' })(),
} as const;

export abstract class GwCommand extends Command {
  static override enableJsonFlag = true;

  static override baseFlags = {
    gateway: string({ summary: 'Gateway to use, as https://HOST:PORT.', helpGroup: GROUP, helpValue: 'URL' }),
    context: string({ summary: 'Context to use; see `gw config ls`.', helpGroup: GROUP, helpValue: 'NAME' }),
    'no-input': boolean({ summary: 'Never prompt and never open a browser.', helpGroup: GROUP }),
    debug: boolean({ summary: 'Print stack traces of errors.', helpGroup: GROUP }),
  };

  #reach: Reach | null = null;

  protected get environment(): Environment {
    return readEnvironment();
  }

  protected get userAgent(): string {
    return `gw/${this.config.version}`;
  }

  protected settings(flags: SettingFlags): Promise<Settings> {
    return loadSettings(flags, this.environment, process.cwd());
  }

  /** The gateway, without a login. */
  protected async reach(flags: SettingFlags, extraCa: string | null = null): Promise<Reach> {
    this.#reach = openReach(await this.settings(flags), this.environment, this.userAgent, extraCa);
    return this.#reach;
  }

  /** The gateway, with a login. @throws GwError `login.required` */
  protected async connect(flags: SettingFlags): Promise<Connection> {
    return openConnection(await this.reach(flags));
  }

  protected async printRows<T extends object>(options: Omit<RowsOptions<T>, 'format'>, format: OutputFormat | undefined): Promise<void> {
    if (!this.jsonEnabled()) await printRows({ ...options, format });
  }

  /** Lines of data for people; nothing under `--json`. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) writeData(text === '' ? '' : `${text}\n`);
  }

  protected override logJson(value: unknown): void {
    writeJson(`${JSON.stringify(value, null, 2)}\n`);
  }

  // `main` prints it, for commands and for everything before them alike.
  protected override catch(thrown: Error): Promise<never> {
    return Promise.reject(thrown);
  }

  protected override finally(thrown: Error | undefined): Promise<void> {
    this.#reach?.transport.close();
    return super.finally(thrown);
  }
}
