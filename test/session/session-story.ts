/** What the journal of a path's world has of one session. */
import { readSession, type SessionItem } from '../../src/recording/index.js';
import { eventually } from '../store/state-server.js';
import type { PathWorld } from '../support/path-world.js';

export async function storyOf({ journalDir, bootId }: Pick<PathWorld, 'journalDir' | 'bootId'>, session: string): Promise<SessionItem[]> {
  const items: SessionItem[] = [];
  for await (const item of readSession(journalDir, bootId, session)) items.push(item);
  return items;
}

/** The same once the session has ended. */
export async function wholeStoryOf(world: Pick<PathWorld, 'journalDir' | 'bootId'>, session: string): Promise<SessionItem[]> {
  let items: SessionItem[] = [];
  await eventually('the record is complete', async () => {
    items = await storyOf(world, session);
    return items.some(({ kind }) => kind === 'end');
  });
  return items;
}
