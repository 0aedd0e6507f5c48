/** What a scenario is given and what it gives back. */

export interface Options {
  /** Kills of the `kill` scenario; the `model` scenario runs four sequences for each. */
  rounds: number;
  /** Messages each way of the `storm` scenario. */
  messages: number;
  /** Decides every draw of the load and of the mocks' faults; not the machine's timing. */
  seed: number;
}

export interface Report {
  /** What was counted, in the words of the table. */
  figures: Record<string, string | number>;
  /** What did not hold; nothing when the promise held. Free of patient data, which is invented anyway. */
  complaints: string[];
  /** Why the scenario could not run here, such as a missing program. */
  skipped?: string;
}

/** Runs within bounds of rounds and time, and ends what it started. */
export type Scenario = (options: Options) => Promise<Report>;

/** A repeatable source of chance in [0, 1) (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
