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

/** The partial tiles at the right edge of a tree of `size` leaves; bundle first, then upwards. */
export function partialTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, width = size; width > 0; width = levelWidth(++level, size)) {
    if (width % TILE_WIDTH === 0) continue;
    const tile = { index: Math.floor(width / TILE_WIDTH), width: width % TILE_WIDTH };
    if (level === 0) tiles.push({ level: 'entries', ...tile });
    tiles.push({ level, ...tile });
  }
  return tiles;
}
