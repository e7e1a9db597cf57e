/** Help with the examples first: people look for the line to copy, and read the rest when it does not fit. */
import { CommandHelp, Help } from '@oclif/core/help';

class ExamplesFirst extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const sections = super.sections();
    const isExamples = ({ header }: { readonly header: string }): boolean => header === 'EXAMPLES';
    return [...sections.filter(isExamples), ...sections.filter((section) => !isExamples(section))];
  }
}

export class GwHelp extends Help {
  protected override CommandHelpClass = ExamplesFirst;
}
