/** Work that comes round again and again, never twice at once. */

export interface Repeating {
  start(): void;
  /** Lets the turn that is running end, and begins no other. */
  stop(): Promise<void>;
}

/**
 * Waits `firstAfterMs`, runs `turn`, waits as many milliseconds as it returned, and so on. A turn must
 * not reject. It is given a signal that aborts when it should come to an end.
 */
export function repeat(
  turn: (stopping: AbortSignal) => Promise<number>,
  firstAfterMs = 0,
): Repeating {
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  async function run(): Promise<void> {
    if (firstAfterMs > 0) await pause(firstAfterMs, stopping.signal);
    while (!stopping.signal.aborted) {
      await pause(await turn(stopping.signal), stopping.signal);
    }
  }
  return {
    start() {
      loop ??= run();
    },
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  if (stopping.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stopping.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    stopping.addEventListener('abort', end);
  });
}
