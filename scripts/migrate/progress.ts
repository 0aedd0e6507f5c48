/** How far it has come: a bar with rate and time left on a terminal, now and then a line elsewhere. */
import { SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 5000;

export interface Progress {
  /** `note` is shown beside the count. */
  update(done: number, note: string): void;
  stop(): void;
}

export function startProgress(total: number, unit: string): Progress {
  if (!process.stdout.isTTY) return lines(total, unit);
  const began = Date.now();
  const bar = new SingleBar({
    format: `{bar} {value} of {total} ${unit} | {rate}/s | {eta_formatted} left | {note}`,
    hideCursor: true,
    etaBuffer: 50,
  });
  bar.start(total, 0, { rate: '0', note: '' });
  return {
    update(done, note) {
      const seconds = Math.max(1, Date.now() - began) / 1000;
      bar.update(done, { rate: (done / seconds).toFixed(1), note });
    },
    stop: () => bar.stop(),
  };
}

function lines(total: number, unit: string): Progress {
  const began = Date.now();
  let saidAt = began;
  return {
    update(done, note) {
      const now = Date.now();
      if (now - saidAt < LINE_EVERY_MS && done < total) return;
      saidAt = now;
      const rate = done / (Math.max(1, now - began) / 1000);
      const left = done < total && rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
      console.log(`${done} of ${total} ${unit}, ${rate.toFixed(1)}/s${left}, ${note}`);
    },
    stop: () => undefined,
  };
}
