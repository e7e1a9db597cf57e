/** As which accounts a target can be opened, in one word each: `(own)` is that of the gateway's configuration, which no account can be called. Names come from elsewhere. */

interface Accounts {
  readonly accounts?: readonly string[];
  readonly ownAccount?: boolean;
}

/** Empty where policy names none, so that there is nothing to choose. */
export function accountsText({ accounts = [], ownAccount = true }: Accounts): string {
  return accounts.length === 0 ? '' : [...(ownAccount ? ['(own)'] : []), ...accounts].join(' ');
}
