/** What a PromQL expression asks for: its selectors, and the labels that it names elsewhere. */
import { parser } from '@prometheus-io/lezer-promql';

export interface Selector {
  metric: string;
  matchers: { label: string; op: string; value: string }[];
}

export interface Query {
  selectors: Selector[];
  /** Labels after `by`, `without`, `on`, `ignoring`. */
  groupedBy: string[];
}

/** Parses an expression; throws where it is no PromQL. */
export function parseQuery(expression: string): Query {
  const query: Query = { selectors: [], groupedBy: [] };
  const textOf = ({ from, to }: { from: number; to: number }) => expression.slice(from, to);
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) throw new Error(`No PromQL at ${node.from}: ${expression}`);
      if (node.name === 'VectorSelector') {
        const { node: selector } = node;
        const metric = selector.getChild('Identifier');
        const matchers = selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher');
        query.selectors.push({
          metric: metric ? textOf(metric) : '',
          matchers: (matchers ?? []).map((matcher) => matcherIn(textOf(matcher))),
        });
      }
      if (node.name === 'GroupingLabels') {
        const labels = node.node.getChildren('LabelName').map(textOf);
        query.groupedBy.push(...labels);
      }
    },
  });
  return query;
}

function matcherIn(text: string): Selector['matchers'][number] {
  const [, label = '', op = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/s.exec(text) ?? [];
  return { label, op, value };
}

/** One line of an exposition. */
export interface Sample {
  metric: string;
  labels: Record<string, string>;
  value: number;
}

/** The samples of Prometheus' text format. */
export function samplesIn(exposition: string): Sample[] {
  return exposition
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, metric = '', labels = '', value = ''] =
        /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (metric === '') throw new Error(`No sample: ${line}`);
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        metric,
        labels: Object.fromEntries(pairs.map(([, name = '', of = '']) => [name, of])),
        value: Number(value),
      };
    });
}

/** Whether a sample is one that the selector asks for; labels of the scrape itself always fit. */
export function fits({ metric, matchers }: Selector, sample: Sample): boolean {
  if (metric !== sample.metric) return false;
  return matchers.every(({ label, op, value }) => {
    if (label === 'instance' || label === 'job') return true;
    const of = sample.labels[label] ?? '';
    const isRegex = op.endsWith('~');
    const isEqual = isRegex ? new RegExp(`^(?:${value})$`).test(of) : of === value;
    return op.startsWith('!') ? !isEqual : isEqual;
  });
}
