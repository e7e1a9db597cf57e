/** What stands behind the name of a target in the configuration of clients, and tells through which gateway it is reached. */
import { custom } from '@oclif/core/flags';
import { GwError } from '../../contract/gw-error.js';

export const DEFAULT_ENDING = 'gw';

/** `--ending`, without its dot: words of a host name, since clients take it for a pattern. */
export const endingFlag = custom<string>({
  default: DEFAULT_ENDING,
  helpValue: 'NAME',
  parse: (text) => {
    const ending = text.replace(/^\./, '');
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(ending))
      return Promise.reject(new GwError('usage.invalid', `"${text}" is no ending of names: it takes small letters, digits, dots and hyphens.`));
    return Promise.resolve(ending);
  },
});
