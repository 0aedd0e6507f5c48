/** Pieces that several pages are made of. */
import type { ComponentChildren } from 'preact';
import type { Direction, Instant, Status } from '../../message.ts';
import { allows, type Scope } from '../../principal.ts';
import { Csrf } from './page.tsx';
import type { Visitor } from './visitor.ts';
import { directionWords, duration, statusWords, type Tone, utc } from './words.ts';

interface Children {
  children?: ComponentChildren;
}

/** A word in a colour; the word alone says it too. */
export function Badge({ tone, children }: Children & { tone: Tone }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function StatusBadge({ status }: { status: Status }) {
  const { word, tone } = statusWords[status];
  return <Badge tone={tone}>{word}</Badge>;
}

export function Way({ direction }: { direction: Direction }) {
  return <span class="way">{directionWords[direction].title}</span>;
}

/** How long ago, with the instant behind it. */
export function Ago({ at, now }: { at: Instant; now: Instant }) {
  const distance = now - at;
  return (
    <time dateTime={new Date(at).toISOString()} title={`${utc(at)} UTC`}>
      {distanceWords(distance)}
    </time>
  );
}

function distanceWords(distance: number): string {
  if (Math.abs(distance) < 1000) return distance >= 0 ? 'just now' : 'in a moment';
  return distance >= 0 ? `${duration(distance)} ago` : `in ${duration(-distance)}`;
}

/** The instant to the second, UTC. */
export function At({ at }: { at: Instant }) {
  return <time dateTime={new Date(at).toISOString()}>{utc(at)}</time>;
}

/** An id: never broken up by the eye, always to be copied whole. */
export function Id({ children }: Children) {
  return <code class="id">{children}</code>;
}

/** Name and value pairs; pairs without a value are left out. */
export function Facts({ of }: { of: [name: string, value: ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of
        .filter(([, value]) => value !== undefined && value !== false && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Where there is nothing to show: what that means, and what to do. */
export function Empty({ title, children }: Children & { title: string }) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children && <p>{children}</p>}
    </div>
  );
}

/** Something that a person should know before all else. */
export function Notice({ tone, children }: Children & { tone: Tone }) {
  return (
    <div class={`notice ${tone}`} role="status">
      {children}
    </div>
  );
}

/** A form that does something, for those who may do it; the others are told why there is none. */
export function Act({
  visitor,
  action,
  needs = 'operate',
  children,
}: Children & { visitor: Visitor; action: string; needs?: Scope }) {
  if (!allows(visitor.principal, needs)) {
    return <p class="quiet">This needs the right to {needs}; ask somebody who has it.</p>;
  }
  return (
    <form method="post" action={action} class="act">
      <Csrf visitor={visitor} />
      {children}
    </form>
  );
}

/** One column of a table; on a phone each row is a card and `title` stands before the value. */
export interface Column<Row> {
  title: string;
  of: (row: Row) => ComponentChildren;
  class?: string;
}

/** A table that becomes cards where there is no room for it. The first column names the row. */
export function Table<Row>({
  caption,
  columns,
  rows,
}: {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
}) {
  const [first, ...others] = columns;
  return (
    <table class="cards">
      <caption>{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ title, class: kind }) => (
            <th scope="col" key={title} class={kind}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            {first && (
              <th scope="row" data-title={first.title} class={first.class}>
                {first.of(row)}
              </th>
            )}
            {others.map((column) => (
              <td key={column.title} data-title={column.title} class={column.class}>
                {column.of(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
