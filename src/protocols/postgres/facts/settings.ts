/**
 * A changed setting, whichever way it is changed: SET, set_config, or the options of BEGIN. `role` and `session_authorization` are settings
 * to the server but change who is asking, so they are effects of their own. Setting names are case-insensitive, even quoted.
 */
import type { EffectSink } from './effect-sink.js';

export type SettingScope = 'local' | 'session';

/** `value` null: not a constant, or the default. */
export function settingEffect(sink: EffectSink, name: string, value: string | null, scope: SettingScope, reset = false): void {
  const setting = name.toLowerCase();
  if (setting === 'role' || setting === 'session_authorization') {
    sink.add('session_role', 'role', [value], { scope, setting });
    return;
  }
  sink.add(reset ? 'reset' : 'set', 'setting', [setting], value === null ? { scope } : { scope, value });
}
