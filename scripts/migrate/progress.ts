/** How far it has come: a bar with rate and time left on a terminal, now and then a line elsewhere. */
import { SingleBar } from 'cli-progress';
import type { Instant } from '../../src/message.ts';

const LINE_EVERY_MS = 5000;
/** The rate is that of the latest minute: what an earlier run did is done at once. */
const RATE_OVER_MS = 60_000;
const SAMPLE_EVERY_MS = 1000;
/** Back to the first column, and the rest of the line away. */
const CLEAR_LINE = '\r\u001b[K';

export interface Progress {
  /** `note` is shown beside the count. */
  update(done: number, note: string): void;
  stop(): void;
}

/** A line of its own, also while a bar is shown. */
export function say(line: string): void {
  process.stdout.write(`${process.stdout.isTTY ? CLEAR_LINE : ''}${line}\n`);
}

/** Begins at 0 of `total`. */
export function startProgress(total: number, unit: string): Progress {
  return process.stdout.isTTY ? bar(total, unit) : lines(total, unit);
}

function bar(total: number, unit: string): Progress {
  const speedOf = createSpeed(total, Date.now());
  const shown = new SingleBar({
    format: `{bar} {value} of {total} ${unit} | {rate}/s | {left} left | {note}`,
    hideCursor: true,
  });
  shown.start(total, 0, { rate: '0.0', left: '?', note: '' });
  return {
    update: (done, note) => shown.update(done, { ...speedOf(done, Date.now()), note }),
    stop: () => shown.stop(),
  };
}

function lines(total: number, unit: string): Progress {
  const speedOf = createSpeed(total, Date.now());
  let saidAt = Date.now();
  return {
    update(done, note) {
      const now = Date.now();
      const { rate, left } = speedOf(done, now);
      if (now - saidAt < LINE_EVERY_MS && done < total) return;
      saidAt = now;
      say(`${done} of ${total} ${unit}, ${rate}/s, ${left} left, ${note}`);
    },
    stop: () => undefined,
  };
}

/** Makes a function from how much is done, and when, to how many a second that is and how long the rest takes. */
export function createSpeed(total: number, began: Instant) {
  const samples = [{ at: began, done: 0 }];
  return (done: number, now: Instant): { rate: string; left: string } => {
    while (samples.length > 1 && now - (samples[0]?.at ?? now) > RATE_OVER_MS) samples.shift();
    const first = samples[0] ?? { at: began, done: 0 };
    if (now - (samples.at(-1)?.at ?? now) >= SAMPLE_EVERY_MS) samples.push({ at: now, done });
    const rate = (done - first.done) / (Math.max(1, now - first.at) / 1000);
    return { rate: rate.toFixed(1), left: done < total ? spanOf((total - done) / rate) : '0 s' };
  };
}

function spanOf(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
