/** Fields of the console's forms, and what was typed into them. */
import type { Instant } from '../../message.ts';

interface Field {
  name: string;
  title: string;
  value: string | undefined;
}

export function TextField({ name, title, value, example }: Field & { example?: string }) {
  return (
    <label>
      {title}
      <input name={name} value={value} autocomplete="off" placeholder={example} />
    </label>
  );
}

/** A day and an hour, meant as UTC; see `instantOf`. */
export function TimeField({ name, title, value }: Field) {
  return (
    <label>
      {title}
      <input name={name} value={value} type="datetime-local" />
    </label>
  );
}

/** A choice of one of some words. */
export function Choice({
  name,
  title,
  options,
  value = '',
}: Field & { options: [value: string, word: string][] }) {
  return (
    <label>
      {title}
      <select name={name}>
        {options.map(([option, word]) => (
          <option key={option} value={option} selected={option === value}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A browser sends what was typed without an offset. NaN when it is no day and hour of the calendar. */
export function instantOf(text: string): Instant {
  const hasOffset = /(?:Z|[+-]\d{2}:\d{2})$/.test(text);
  return Date.parse(hasOffset ? text : `${text}Z`);
}
