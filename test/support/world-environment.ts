/** The environment of a person whose home holds a world of the quickstart, and nothing of whoever runs the tests. */
import { join } from 'node:path';

export function worldEnvironment(home: string): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_STATE_HOME: join(home, 'state'),
    NO_COLOR: '1',
  };
}
