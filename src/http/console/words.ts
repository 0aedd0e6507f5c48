/** How the console says things: ids of the code on the left, plain words on the right. */
import type { Direction, Instant, Status } from '../../message.ts';
import type { Tally } from '../../store/console.ts';

/** What a colour stands for; the word beside it says the same. */
export type Tone = 'ok' | 'info' | 'warn' | 'bad' | 'quiet';

export const DIRECTIONS: Direction[] = ['oh-to-mhv', 'mhv-to-oh'];

/** A direction by where it leads. */
export const directionWords: Record<Direction, { title: string; from: string; to: string }> = {
  'oh-to-mhv': { title: 'OH to MHV', from: 'Oracle Health', to: 'My HealtheVet' },
  'mhv-to-oh': { title: 'MHV to OH', from: 'My HealtheVet', to: 'Oracle Health' },
};

export const statusWords: Record<Status, { word: string; tone: Tone; meaning: string }> = {
  IN_PROGRESS: { word: 'In progress', tone: 'info', meaning: 'on its way' },
  SENT: { word: 'Sent', tone: 'ok', meaning: 'the destination has it' },
  FAILED: { word: 'Failed', tone: 'bad', meaning: 'out of attempts or too old' },
  INVALID: { word: 'Invalid', tone: 'bad', meaning: 'refused for good' },
};

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `12,345`. */
export function number(value: number): string {
  return whole.format(value);
}

/** `12,345`, or `more than 5,000` where nobody counted further. */
export function tallied({ count, isMore }: Tally): string {
  return isMore ? `more than ${number(count)}` : number(count);
}

/** `1 message`, `2 messages`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

const UNITS: [ms: number, word: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

/** `3 d 4 h`, `12 min`, `800 ms`: two units at most. */
export function duration(ms: number): string {
  const first = UNITS.findIndex(([unitMs]) => ms >= unitMs);
  const [unitMs, word] = UNITS[first] ?? [];
  if (unitMs === undefined) return `${Math.max(0, Math.round(ms))} ms`;
  const [lessMs, less] = UNITS[first + 1] ?? [];
  const rest = lessMs === undefined ? 0 : Math.floor((ms % unitMs) / lessMs);
  const units = `${Math.floor(ms / unitMs)} ${word}`;
  return rest > 0 && unitMs > 60_000 ? `${units} ${rest} ${less}` : units;
}

/** `2025-10-08 14:15:47`, UTC. */
export function utc(at: Instant): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** `14:15`, UTC. */
export function clock(at: Instant): string {
  return new Date(at).toISOString().slice(11, 16);
}

/** `1.5 GiB`. */
export function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit > 0 && value < 10 ? value.toFixed(1) : whole.format(value)} ${units[unit]}`;
}
