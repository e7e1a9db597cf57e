/** Help with the examples first: people look for the line to copy, and read the rest when it does not fit. */
import { CommandHelp, Help } from '@oclif/core/help';

class ExamplesFirst extends CommandHelp {
  /** A flag that may be given often and was not is no default that anybody wants to read. */
  protected override flags(flags: Parameters<CommandHelp['flags']>[0]): ReturnType<CommandHelp['flags']> {
    return super.flags(
      flags.map((flag) => {
        if (!('default' in flag) || !Array.isArray(flag.default) || flag.default.length > 0) return flag;
        return Object.fromEntries(Object.entries(flag).filter(([name]) => name !== 'default')) as typeof flag;
      }),
    );
  }

  protected override sections(): ReturnType<CommandHelp['sections']> {
    const sections = super.sections();
    const isExamples = ({ header }: { readonly header: string }): boolean => header === 'EXAMPLES';
    return [...sections.filter(isExamples), ...sections.filter((section) => !isExamples(section))];
  }
}

export class GwHelp extends Help {
  protected override CommandHelpClass = ExamplesFirst;
}
