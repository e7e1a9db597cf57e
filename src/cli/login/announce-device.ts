/**
 * Shows a person the address and the code of a login, as a QR code on demand, and opens a browser only where that person sits: at a
 * terminal of this machine, with a display, not over SSH and not in CI.
 */
import type { DevicePrompt } from '../../client/device-login.js';
import type { Environment } from '../environment.js';
import { duration } from '../render/relative-time.js';
import { isTalkTerminal, paintErr, say, visible } from '../terminal.js';

export interface AnnounceOptions {
  readonly qr: boolean;
  readonly browser: boolean;
}

/** Whether a browser that gw opens would appear before the person who asked. */
export function mayOpenBrowser(environment: Pick<Environment, 'ci' | 'overSsh' | 'display' | 'noInput'>, terminal: boolean): boolean {
  return terminal && environment.display && !environment.ci && !environment.overSsh && !environment.noInput;
}

/** The address comes from the issuer: only a web address may go to a browser. */
export function isWebAddress(url: string): boolean {
  return URL.canParse(url) && ['https:', 'http:'].includes(new URL(url).protocol);
}

export async function announceDevice(prompt: DevicePrompt, options: AnnounceOptions, environment: Environment): Promise<void> {
  const url = prompt.completeUrl ?? prompt.url;
  say(`Open ${paintErr.bold(visible(prompt.url))}`);
  say(`and confirm the code ${paintErr.bold(visible(prompt.userCode))}`);
  if (options.qr) {
    const { renderUnicodeCompact } = await import('uqr');
    say(renderUnicodeCompact(url));
  }
  if (options.browser && isWebAddress(url) && mayOpenBrowser(environment, isTalkTerminal())) {
    const { default: open } = await import('open');
    // Whether it opened cannot be known; the address is printed in any case.
    const browser = await open(url).catch(() => null);
    browser?.once('error', () => undefined);
    if (browser !== null) say(paintErr.dim('(your browser should open by itself)'));
  }
  say(paintErr.dim(`Waiting for you; the code is good for ${duration(prompt.expiresIn * 1000)}.`));
}
