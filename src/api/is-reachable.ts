/** Whether a target is within reach: as the account of its configuration or as another, at once or once people were asked. */
import type { PolicyView } from '../contract/decision.js';

export function isReachable(view: Pick<PolicyView, 'connect' | 'accounts'>): boolean {
  return view.connect().effect !== 'deny' || view.accounts().length > 0;
}
