/** Chance that repeats: the same seed gives the same numbers (mulberry32). */

/** A source of numbers in [0, 1), the same for the same seed. */
export function seededChance(seed: number): () => number {
  let state = Math.trunc(seed) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One of the items, or undefined of an empty list. */
export function pick<T>(chance: () => number, items: readonly T[]): T | undefined {
  return items[Math.floor(chance() * items.length)];
}
