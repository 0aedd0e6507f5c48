/**
 * `/console/messages`: search. What names a patient or their message is posted, so that no id stands in a
 * URL that a proxy or a browser's history keeps; everything else may be linked to.
 */
import type { Static } from '@sinclair/typebox';
import { Elysia, t } from 'elysia';
import type { Instant } from '../../../message.ts';
import type { FoundMessage, SearchFilter, SearchPage } from '../../../store/console.ts';
import { Choice, instantOf, TextField, TimeField } from '../fields.tsx';
import { Csrf, Page, pageResponse } from '../page.tsx';
import { Ago, At, type Column, Empty, Id, Notice, StatusBadge, Table, Way } from '../parts.tsx';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { DIRECTIONS, directionWords, statusWords } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/messages';
const PER_PAGE = 25;

/** Fields of the form that may stand in a URL; an empty one is one that was left out. */
const open = {
  status: t.Optional(t.String({ maxLength: 20 })),
  direction: t.Optional(t.String({ maxLength: 20 })),
  errorCode: t.Optional(t.String({ maxLength: 64 })),
  since: t.Optional(t.String({ maxLength: 40 })),
  until: t.Optional(t.String({ maxLength: 40 })),
  cursor: t.Optional(t.String({ pattern: '^[0-9a-f-]{36}$|^$', error: 'must be a cursor' })),
};
const posted = t.Object({
  ...open,
  named: t.Optional(t.String({ maxLength: 255 })),
  csrf: t.String(),
});

/** What somebody typed. */
type Fields = Partial<Omit<Static<typeof posted>, 'csrf'>>;

export function messagesPage({ store, visitorOf, now }: PagesOptions) {
  const answer = async (fields: Fields, visitor: Visitor) => {
    const { filter, faults } = filterOf(fields);
    const cursor = fields.cursor ? { cursor: fields.cursor } : {};
    const found =
      faults.length > 0
        ? { messages: [] }
        : await store.console.search(filter, { limit: PER_PAGE, ...cursor });
    return pageResponse(
      <Page title="Messages" section={PATH} visitor={visitor}>
        <SearchForm fields={fields} visitor={visitor} />
        {faults.map((fault) => (
          <Notice key={fault} tone="bad">
            {fault}
          </Notice>
        ))}
        {faults.length === 0 && <Results {...{ found, fields, visitor, now: now() }} />}
      </Page>,
      faults.length > 0 ? 422 : 200,
    );
  };
  return new Elysia({ name: 'console-messages' })
    .use(consoleAccess(visitorOf))
    .get(PATH, ({ query, principal, csrfToken }) => answer(query, { principal, csrfToken }), {
      console: 'read',
      query: t.Object(open),
    })
    .post(
      PATH,
      ({ body: { csrf: _csrf, ...fields }, principal, csrfToken }) =>
        answer(fields, { principal, csrfToken }),
      { console: 'read', parse: 'urlencoded', body: posted },
    );
}

const STATUS_OPTIONS: [value: string, word: string][] = [
  ['', 'any'],
  ['GIVEN_UP', 'Given up, needs a person'],
  ...Object.entries(statusWords).map(([value, { word, meaning }]): [string, string] => [
    value,
    `${word}: ${meaning}`,
  ]),
];
const DIRECTION_OPTIONS: [value: string, word: string][] = [
  ['', 'both'],
  ...DIRECTIONS.map((value): [string, string] => [value, directionWords[value].title]),
];

function SearchForm({ fields, visitor }: { fields: Fields; visitor: Visitor }) {
  return (
    <form method="post" action={PATH} class="search" role="search">
      <Csrf visitor={visitor} />
      <label class="wide">
        ICN or message id
        <input
          name="named"
          value={fields.named}
          maxLength={255}
          autocomplete="off"
          spellcheck={false}
          aria-describedby="named-hint"
        />
        <small id="named-hint">ICN, OH message id, MHV message id, or the exchange's own id</small>
      </label>
      <Choice name="status" title="Status" options={STATUS_OPTIONS} value={fields.status} />
      <Choice name="direction" title="Way" options={DIRECTION_OPTIONS} value={fields.direction} />
      <TextField name="errorCode" title="Error code" value={fields.errorCode} example="mhv:503" />
      <TimeField name="since" title="Accepted since (UTC)" value={fields.since} />
      <TimeField name="until" title="Accepted before (UTC)" value={fields.until} />
      <div class="buttons">
        <button type="submit" class="main">
          Search
        </button>
        <a class="button" href={PATH}>
          Clear
        </a>
      </div>
    </form>
  );
}

function Results({
  found: { messages, next, searchedTo },
  fields,
  visitor,
  now,
}: {
  found: SearchPage;
  fields: Fields;
  visitor: Visitor;
  now: Instant;
}) {
  return (
    <section aria-label="Results">
      {messages.length > 0 && (
        <Table caption="Newest first" columns={columnsAt(now)} rows={messages} />
      )}
      {messages.length === 0 && searchedTo === undefined && (
        <Empty title="No message matches.">
          {fields.cursor
            ? 'That was the last page.'
            : 'Ids are compared character by character. What the exchange never accepted is not here: see whether the document is in quarantine.'}
        </Empty>
      )}
      {searchedTo !== undefined && (
        <p class="quiet">
          Everything accepted since <At at={searchedTo} /> UTC was looked at.
        </p>
      )}
      {next !== undefined && (
        <form method="post" action={PATH}>
          <Csrf visitor={visitor} />
          {Object.entries({ ...fields, cursor: next }).map(([name, value]) => (
            <input key={name} type="hidden" name={name} value={value} />
          ))}
          <button type="submit">
            {searchedTo === undefined ? 'Older' : 'Search further back'}
          </button>
        </form>
      )}
    </section>
  );
}

function columnsAt(now: Instant): Column<FoundMessage>[] {
  return [
    {
      title: 'Message',
      of: ({ id, acceptedAt }) => (
        <>
          <a href={`${PATH}/${id}`} title={id}>
            <Id>{shortened(id)}</Id>
          </a>{' '}
          <span class="quiet">
            <Ago at={acceptedAt} now={now} />
          </span>
        </>
      ),
    },
    { title: 'Way', of: ({ direction }) => <Way direction={direction} /> },
    { title: 'Status', of: ({ status }) => <StatusBadge status={status} /> },
    { title: 'ICN', of: ({ icn }) => icn && <Id>{icn}</Id> },
    { title: 'OH message', of: ({ ohMessageId }) => ohMessageId && <Id>{ohMessageId}</Id> },
    { title: 'MHV message', of: ({ mhvMessageId }) => mhvMessageId && <Id>{mhvMessageId}</Id> },
    { title: 'Attempts', class: 'number', of: ({ attempts }) => attempts },
    {
      title: 'Error',
      class: 'wide',
      of: ({ error }) =>
        error && (
          <>
            <code>{error.code}</code> <span class="reason">{error.reason}</span>
          </>
        ),
    },
  ];
}

/** Its first block and its last tell ids apart; the link has it whole. */
function shortened(id: string): string {
  return `${id.slice(0, 13)}…${id.slice(-4)}`;
}

function filterOf(fields: Fields): { filter: SearchFilter; faults: string[] } {
  const faults: string[] = [];
  const named = fields.named?.trim() ?? '';
  const since = boundOf(fields.since, 'since', faults);
  const until = boundOf(fields.until, 'before', faults);
  const status = STATUS_OPTIONS.find(([value]) => value !== '' && value === fields.status)?.[0];
  const direction = DIRECTIONS.find((one) => one === fields.direction);
  if (fields.status && !status) faults.push('There is no such status.');
  if (fields.direction && !direction) faults.push('There is no such way.');
  const filter = {
    ...(named === '' ? {} : { named: { by: kindOf(named), value: named } }),
    ...(status ? { status: status as NonNullable<SearchFilter['status']> } : {}),
    ...(direction ? { direction } : {}),
    ...(fields.errorCode ? { errorCode: fields.errorCode.trim() } : {}),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
  return { filter, faults };
}

/** Each kind of id has a shape of its own; what has none of them may be any id of OH. */
function kindOf(named: string): NonNullable<SearchFilter['named']>['by'] {
  if (/^[0-9]{10}V[0-9]{6}$/.test(named)) return 'icn';
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(named)) return 'id';
  return /^[0-9]+$/.test(named) ? 'mhvMessageId' : 'ohMessageId';
}

function boundOf(text: string | undefined, name: string, faults: string[]): Instant | undefined {
  if (!text) return undefined;
  const at = instantOf(text);
  if (at >= 0) return at;
  faults.push(`Accepted ${name}: this is no day and hour of the calendar.`);
  return undefined;
}
