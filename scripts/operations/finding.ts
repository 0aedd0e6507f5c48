/** What a look at something came to, and how it is shown to people. */

/** `look`: a person should, today. `bad`: something does not work. */
export type Level = 'ok' | 'look' | 'bad';

export interface Finding {
  /** What was looked at. */
  name: string;
  level: Level;
  /** What was found and what it means; free of patient data. */
  found: string;
  /** What to do about it, a command where there is one. */
  next?: string;
}

const order: Level[] = ['ok', 'look', 'bad'];

/** The worst of them; `ok` when there are none. */
export function worstOf(findings: Finding[]): Level {
  const worst = Math.max(0, ...findings.map(({ level }) => order.indexOf(level)));
  return order[worst] ?? 'ok';
}

/** One line each, and what to do indented below. */
export function tableOf(findings: Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .flatMap(({ name, level, found, next }) => [
      `${level.padEnd(4)}  ${name.padEnd(width)}  ${found}`,
      ...(next === undefined ? [] : [`      ${' '.repeat(width)}  -> ${next}`]),
    ])
    .join('\n');
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** A stretch of time in its largest unit, such as `3 min`. */
export function lasting(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const;
  const [unit, size] = units.find(([, unitMs]) => Math.abs(ms) >= 2 * unitMs) ?? ['ms', 1];
  return `${Math.round(ms / size)} ${unit}`;
}

/** Bytes as MiB. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
