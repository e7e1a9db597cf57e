/**
 * Where the tiles of a log lie (C2SP tlog-tiles): a tile holds up to 256 hashes of one level in steps of eight, an entry bundle the leaves
 * below one tile of level 0. The last one of each level is partial and has its width in its path. Pure.
 */
export const TILE_WIDTH = 256;
/** Levels of a tile. */
export const TILE_HEIGHT = 8;

export interface Tile {
  /** `entries`: a bundle of leaves. */
  readonly level: number | 'entries';
  readonly index: number;
  /** 1–256; below 256 it is a partial tile. */
  readonly width: number;
}

/** Its path below the log's directory: `tile/0/x001/234`, `tile/entries/000.p/17`. */
export function tilePath({ level, index, width }: Tile): string {
  const groups: string[] = [];
  let rest = index;
  do {
    groups.unshift(String(rest % 1000).padStart(3, '0'));
    rest = Math.floor(rest / 1000);
  } while (rest > 0);
  const name = groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
  return `tile/${level}/${name}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

/** Number of hashes that a tree of `size` leaves has in the tiles of `level`. */
export function levelWidth(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** All tiles of a tree of `size` leaves that a tree of `before` leaves does not have in the same form; bundles first, then upwards. */
export function newTiles(before: number, size: number): Tile[] {
  const tiles: Tile[] = [];
  for (const level of ['entries', ...levels(size)] as const) {
    const depth = level === 'entries' ? 0 : level;
    const to = levelWidth(depth, size);
    const from = levelWidth(depth, before);
    if (to === from) continue;
    for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < to; index++) {
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, to - index * TILE_WIDTH) });
    }
  }
  return tiles;
}

/** The partial tiles at the right edge of a tree of `size` leaves. */
export function partialTiles(size: number): Tile[] {
  return newTiles(0, size).filter(({ width }) => width < TILE_WIDTH);
}

function levels(size: number): number[] {
  const found: number[] = [];
  for (let level = 0; levelWidth(level, size) > 0; level++) found.push(level);
  return found;
}
