/** Rounds in turn, so that what else the machine does falls on both sides alike. */

/**
 * Runs every side once in each of `rounds` rounds, one after the other, and gives what each side
 * measured, in order. An odd number of rounds has a median.
 */
export async function inTurn<Side extends string, Measured>(
  rounds: number,
  sides: Record<Side, () => Measured | Promise<Measured>>,
): Promise<Record<Side, Measured[]>> {
  const names = Object.keys(sides) as Side[];
  const measured = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<
    Side,
    Measured[]
  >;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) measured[name].push(await sides[name]());
  }
  return measured;
}

/** The middle one of an odd number of values, the upper middle one of an even number. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** A figure as it is printed: with this many digits after the point. */
export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}
