/** Small charts, drawn on the server. Each has a title and a summary in words, and its numbers as a table. */
import type { FlowBucket } from '../../store/console.ts';
import { clock, number, plural } from './words.ts';

const HEIGHT = 100;
const STEP = 10;
const LEAST_BAR = 2;

/** Bars of what was delivered and given up, a line of what was accepted. */
export function FlowChart({
  id,
  title,
  buckets,
  unit,
  countedSince,
}: {
  id: string;
  title: string;
  buckets: FlowBucket[];
  unit: 'minute' | 'hour';
  /** Buckets that begin before are not counted yet. */
  countedSince: number;
}) {
  const counted = buckets.filter(({ at }) => at >= countedSince);
  const top = niceTop(Math.max(0, ...counted.map(heightOf)));
  const scale = HEIGHT / top;
  const width = buckets.length * STEP;
  const [first, last] = [buckets[0], buckets.at(-1)];
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong> <span class="quiet">{summaryOf(counted)}</span>
      </figcaption>
      <div class="plot">
        <span class="top">{number(top)}</span>
        <svg
          viewBox={`0 0 ${width} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-labelledby={`${id}-title ${id}-desc`}
        >
          <title id={`${id}-title`}>{title}</title>
          <desc id={`${id}-desc`}>{summaryOf(counted)}</desc>
          {[0.5, 1].map((part) => (
            <line
              key={part}
              class="grid"
              x1={0}
              x2={width}
              y1={HEIGHT * (1 - part)}
              y2={HEIGHT * (1 - part)}
            />
          ))}
          {buckets.map((bucket, index) => (
            <Bar
              key={bucket.at}
              {...{ bucket, index, scale, isCounted: bucket.at >= countedSince }}
            />
          ))}
          <path class="accepted" d={lineOf(buckets, scale)} />
          <line class="axis" x1={0} x2={width} y1={HEIGHT} y2={HEIGHT} />
        </svg>
        {first && last && (
          <div class="times" aria-hidden="true">
            <span>{clock(first.at)}</span>
            <span>{clock(buckets[Math.floor(buckets.length / 2)]?.at ?? first.at)}</span>
            <span>now, UTC</span>
          </div>
        )}
      </div>
      {first && countedSince > first.at && (
        <p class="quiet">What came before {clock(countedSince)} is still being counted.</p>
      )}
      <Numbers id={`${id}-numbers`} {...{ title, unit, buckets: counted }} />
    </figure>
  );
}

/** What the marks of every flow chart mean. */
export function FlowLegend() {
  return (
    <p class="legend">
      <span class="mark delivered" /> delivered <span class="mark failed" /> given up{' '}
      <span class="mark accepted" /> accepted
    </p>
  );
}

function Bar({
  bucket: { accepted, delivered, failed, at },
  index,
  scale,
  isCounted,
}: {
  bucket: FlowBucket;
  index: number;
  scale: number;
  isCounted: boolean;
}) {
  const x = index * STEP + 1;
  const width = STEP - 2;
  if (!isCounted) return <rect class="uncounted" x={x} y={0} width={width} height={HEIGHT} />;
  const [done, lost] = [barOf(delivered, scale), barOf(failed, scale)];
  return (
    <g>
      <title>{`${clock(at)}: ${accepted} accepted, ${delivered} delivered, ${failed} given up`}</title>
      {delivered > 0 && (
        <rect class="delivered" x={x} width={width} y={HEIGHT - done} height={done} />
      )}
      {failed > 0 && (
        <rect class="failed" x={x} width={width} y={HEIGHT - done - lost} height={lost} />
      )}
    </g>
  );
}

/** One among thousands is still to be seen. */
function barOf(count: number, scale: number): number {
  return count === 0 ? 0 : Math.max(LEAST_BAR, count * scale);
}

function Numbers({
  id,
  title,
  unit,
  buckets,
}: {
  id: string;
  title: string;
  unit: string;
  buckets: FlowBucket[];
}) {
  const busy = buckets.filter((bucket) => bucket.accepted > 0 || heightOf(bucket) > 0);
  return (
    <details id={id}>
      <summary>
        Numbers<span class="hidden"> of: {title}</span>
      </summary>
      {busy.length === 0 ? (
        <p class="quiet">Nothing happened.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{`From (${unit}, UTC)`}</th>
              <th scope="col">Accepted</th>
              <th scope="col">Delivered</th>
              <th scope="col">Given up</th>
            </tr>
          </thead>
          <tbody>
            {busy.toReversed().map(({ at, accepted, delivered, failed }) => (
              <tr key={at}>
                <th scope="row">{clock(at)}</th>
                <td>{number(accepted)}</td>
                <td>{number(delivered)}</td>
                <td>{number(failed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

/** Bars with a word before and a number behind each. */
export function BarList({ title, bars }: { title: string; bars: [word: string, count: number][] }) {
  const most = Math.max(1, ...bars.map(([, count]) => count));
  return (
    <figure class="bars">
      <figcaption>
        <strong>{title}</strong>
      </figcaption>
      <dl>
        {bars.map(([word, count]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect x={0} y={0} width={(count * 100) / most} height={10} />
              </svg>
              <span>{number(count)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </figure>
  );
}

function heightOf({ accepted, delivered, failed }: FlowBucket): number {
  return Math.max(accepted, delivered + failed);
}

function summaryOf(buckets: FlowBucket[]): string {
  const sum = (kind: 'accepted' | 'delivered' | 'failed') =>
    buckets.reduce((total, bucket) => total + bucket[kind], 0);
  const failed = sum('failed');
  const words = `${number(sum('accepted'))} accepted, ${number(sum('delivered'))} delivered`;
  return failed > 0 ? `${words}, ${plural(failed, 'given up', 'given up')}` : words;
}

function lineOf(buckets: FlowBucket[], scale: number): string {
  return buckets
    .map(({ accepted }, index) => {
      const y = (HEIGHT - accepted * scale).toFixed(1);
      return `${index === 0 ? 'M' : 'L'}${index * STEP} ${y}H${(index + 1) * STEP}`;
    })
    .join('');
}

/** The next round number, and 4 at least. */
function niceTop(most: number): number {
  if (most <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= most) ?? most;
}
