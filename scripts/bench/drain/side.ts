/** One side of the `drain` benchmark, a process of its own: `FILE_OR_URL JOBS` in, one JSON line out. */

export interface Side {
  /** Jobs a second put in the queue before the measurement, each call as large as the side takes it. */
  addPerSecond: number;
  /** Jobs a second from the first claim until none is left. */
  drainPerSecond: number;
  /** Microseconds of processor time of this process for each job drained. */
  cpuMicrosPerJob: number;
  /** What its database says of durability, read back from it. */
  durability: string;
  /** What it does for each job. */
  does: string;
}

/** Where the queue is (a file, or the URL of a server), and how many jobs go through it. */
export function wish(): { where: string; jobs: number } {
  const [where = '', jobs = ''] = process.argv.slice(2);
  return { where, jobs: Number(jobs) };
}

/** A job's payload, about as large as a translated message. */
export function payload(n: number): { n: number; body: string } {
  return { n, body: 'An invented line of an invented message. '.repeat(24) };
}

/**
 * Times `add`, then `drain`, which ends when the last job is settled. `durability` is asked while the
 * queue is open.
 */
export async function measure(side: {
  jobs: number;
  add: () => Promise<void>;
  drain: () => Promise<void>;
  durability: () => string | Promise<string>;
  does: string;
}): Promise<Side> {
  const addMs = await timed(side.add);
  const before = process.cpuUsage();
  const drainMs = await timed(side.drain);
  const { user, system } = process.cpuUsage(before);
  return {
    addPerSecond: (side.jobs / addMs) * 1000,
    drainPerSecond: (side.jobs / drainMs) * 1000,
    cpuMicrosPerJob: (user + system) / side.jobs,
    durability: await side.durability(),
    does: side.does,
  };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
