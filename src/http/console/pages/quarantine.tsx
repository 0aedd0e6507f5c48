/** `/console/quarantine`: documents that could not be taken, where they are broken, and taking them in again. */
import { Elysia, t } from 'elysia';
import { ExchangeError } from '../../../errors.ts';
import type { Instant } from '../../../message.ts';
import { actorOf } from '../../../principal.ts';
import type { QuarantinePage, QuarantineSummary, QuarantineView } from '../../../store/operator.ts';
import { takeAgain } from '../../operator-quarantine.ts';
import { Page, pageResponse, seeOther } from '../page.tsx';
import { Act, Ago, At, Badge, type Column, Empty, Facts, Id, Notice, Table } from '../parts.tsx';
import { MarkedText, textOf } from '../quarantine-text.tsx';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { bytes, number, plural } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/quarantine';
const PER_PAGE = 25;
/** A longer document is edited outside the browser and posted to the API. */
const MOST_EDITED = 200_000;
const csrfOnly = t.Object({ csrf: t.String() });

export function quarantinePages(options: PagesOptions) {
  const { store, visitorOf, now } = options;
  const page = async (id: string, visitor: Visitor, rest: Partial<Shown> = {}, status = 200) => {
    const document = await store.operator.findQuarantined(id);
    return pageResponse(<DocumentPage {...{ document, visitor, now: now(), ...rest }} />, status);
  };
  const replayed = async (id: string, visitor: Visitor, edited?: string) => {
    const actor = actorOf(visitor.principal);
    const again =
      edited === undefined
        ? { actor }
        : { actor, edited: { body: new TextEncoder().encode(edited), contentType: EDITED_TYPE } };
    try {
      await takeAgain(options, id, again);
      return seeOther(`${PATH}/${id}`);
    } catch (error) {
      if (!(error instanceof ExchangeError) || error.code === 'not-found') throw error;
      return page(id, visitor, { refusal: error.message, edited }, error.httpStatus);
    }
  };
  return new Elysia({ name: 'console-quarantine' })
    .use(consoleAccess(visitorOf))
    .get(
      PATH,
      async ({ query: { cursor }, principal, csrfToken }) => {
        const place = cursor ? { cursor } : {};
        const found = await store.operator.listQuarantined({ limit: PER_PAGE, ...place });
        const visitor = { principal, csrfToken };
        return pageResponse(<ListPage {...{ found, visitor, now: now() }} />);
      },
      {
        console: 'read',
        query: t.Object({ cursor: t.Optional(t.String({ pattern: '^[0-9a-f-]{36}$' })) }),
      },
    )
    .get(
      `${PATH}/:id`,
      ({ params, principal, csrfToken }) => page(params.id, { principal, csrfToken }),
      { console: 'read' },
    )
    .post(
      `${PATH}/:id/text`,
      async ({ params: { id }, principal, csrfToken }) => {
        const body = await store.operator.quarantinedBody(id);
        const object = { kind: 'quarantined document', id };
        // Nobody sees it unless it is written down who did.
        await store.audit.record({ actor: actorOf(principal), action: 'quarantine.view', object });
        const { contentType } = await store.operator.findQuarantined(id);
        return page(id, { principal, csrfToken }, { text: textOf(body, contentType) });
      },
      { console: 'operate', parse: 'urlencoded', body: csrfOnly },
    )
    .post(
      `${PATH}/:id/replay`,
      ({ params, principal, csrfToken }) => replayed(params.id, { principal, csrfToken }),
      { console: 'operate', parse: 'urlencoded', body: csrfOnly },
    )
    .post(
      `${PATH}/:id/edited`,
      ({ params, body, principal, csrfToken }) =>
        replayed(params.id, { principal, csrfToken }, body.edited),
      {
        console: 'operate',
        parse: 'urlencoded',
        body: t.Object({ csrf: t.String(), edited: t.String({ minLength: 1 }) }),
      },
    );
}

const EDITED_TYPE = 'application/atom+xml; charset=utf-8';

function ListPage({
  found: { documents, next },
  visitor,
  now,
}: {
  found: QuarantinePage;
  visitor: Visitor;
  now: Instant;
}) {
  return (
    <Page title="Quarantine" section={PATH} visitor={visitor}>
      <p>What OH pushed and the exchange could not take, kept byte for byte.</p>
      {documents.length === 0 ? (
        <Empty title="Nothing is in quarantine.">
          Every document that was pushed could be read and says which messages it announces.
        </Empty>
      ) : (
        <Table caption="Newest first" columns={columnsAt(now)} rows={documents} />
      )}
      {next && (
        <a class="button" href={`${PATH}?cursor=${next}`}>
          Older
        </a>
      )}
    </Page>
  );
}

function columnsAt(now: Instant): Column<QuarantineSummary>[] {
  return [
    {
      title: 'Document',
      of: ({ id }) => (
        <a href={`${PATH}/${id}`} title={id}>
          <Id>{id.slice(0, 13)}…</Id>
        </a>
      ),
    },
    { title: 'Standing', of: (one) => <Standing document={one} /> },
    { title: 'Last pushed', of: ({ lastSeenAt }) => <Ago at={lastSeenAt} now={now} /> },
    { title: 'Pushes', class: 'number', of: ({ pushes }) => number(pushes) },
    { title: 'Size', class: 'number', of: ({ sizeBytes }) => bytes(sizeBytes) },
    { title: 'Faults', class: 'number', of: ({ faultCount }) => number(faultCount) },
    { title: 'Not taken', of: ({ scope }) => scopeWords[scope] },
  ];
}

const scopeWords = { document: 'the whole document', entries: 'some entries' } as const;

function Standing({ document }: { document: QuarantineSummary }) {
  if (document.purgedAt !== undefined) return <Badge tone="quiet">Purged</Badge>;
  if (document.replayedAt !== undefined) return <Badge tone="info">Tried again</Badge>;
  return <Badge tone="warn">Waits</Badge>;
}

interface Shown {
  /** The document as text, when somebody asked. */
  text: string;
  /** Why it could not be taken just now. */
  refusal: string;
  /** What they had edited. */
  edited: string | undefined;
}

function DocumentPage({
  document,
  visitor,
  now,
  text,
  refusal,
  edited,
}: Partial<Shown> & { document: QuarantineView; visitor: Visitor; now: Instant }) {
  const { id, faults, purgedAt } = document;
  return (
    <Page title="Quarantined document" section={PATH} visitor={visitor}>
      {refusal !== undefined && <Notice tone="bad">Not taken: {refusal}</Notice>}
      <Result document={document} now={now} />
      <section class="card" aria-label="In short">
        <Standing document={document} />
        <DocumentFacts document={document} />
      </section>
      <Faults document={document} />
      {purgedAt === undefined && (
        <section class="card" aria-labelledby="text-title" id="text">
          <h2 id="text-title">The document</h2>
          {text === undefined ? (
            <Act visitor={visitor} action={`${PATH}/${id}/text#text`}>
              <p>It may hold patient data. Whoever looks at it is written down in the audit.</p>
              <button type="submit">Show the document</button>
            </Act>
          ) : (
            <MarkedText text={text} faults={faults} />
          )}
          <h3>Take it in again</h3>
          <Act visitor={visitor} action={`${PATH}/${id}/replay`}>
            <p>
              The bytes are read by the present parser and configuration; each entry is taken once.
            </p>
            <button type="submit">Take it in again</button>
          </Act>
          <Edited {...{ id, visitor, text: edited ?? text }} />
        </section>
      )}
    </Page>
  );
}

function DocumentFacts({ document }: { document: QuarantineView }) {
  const { id, scope, firstSeenAt, lastSeenAt, pushes, sizeBytes, contentType, sha256 } = document;
  return (
    <Facts
      of={[
        ['Id', <Id key="id">{id}</Id>],
        ['Not taken', scopeWords[scope]],
        ['First pushed (UTC)', <At key="first" at={firstSeenAt} />],
        ['Last pushed (UTC)', <At key="last" at={lastSeenAt} />],
        ['Pushes', number(pushes)],
        ['Size', bytes(sizeBytes)],
        ['Content-Type', contentType],
        ['SHA-256', <Id key="sha">{sha256}</Id>],
        ['Purged (UTC)', document.purgedAt && <At at={document.purgedAt} />],
      ]}
    />
  );
}

function Faults({ document: { faults } }: { document: QuarantineView }) {
  return (
    <section class="card" aria-labelledby="faults-title">
      <h2 id="faults-title">What is wrong</h2>
      <ul class="faults">
        {faults.map(({ detail, element, line, column }, index) => (
          <li key={index}>
            {detail}{' '}
            <span class="quiet">
              {element && <code>{element}</code>}
              {line !== undefined && !detail.includes(`line ${line}`) && ` line ${line}`}
              {column !== undefined && !detail.includes(`column ${column}`) && `, column ${column}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Result({
  document: { replay, replayedAt },
  now,
}: {
  document: QuarantineView;
  now: Instant;
}) {
  if (!replay || replayedAt === undefined) return null;
  const { actor, accepted, duplicates, rejected, editedSha256 } = replay;
  return (
    <Notice tone={rejected === 0 ? 'ok' : 'warn'}>
      Taken in again <Ago at={replayedAt} now={now} /> by {actor}
      {editedSha256 && ', as an edited copy'}: {plural(accepted, 'entry', 'entries')} accepted,{' '}
      {number(duplicates)} known before, {number(rejected)} still refused.
    </Notice>
  );
}

function Edited({ id, visitor, text }: { id: string; visitor: Visitor; text: string | undefined }) {
  if (text === undefined) return null;
  if (text.length > MOST_EDITED) {
    return <p class="quiet">It is too long to be edited here; post an edited copy to the API.</p>;
  }
  return (
    <details id="edit">
      <summary>Edit a copy</summary>
      <Act visitor={visitor} action={`${PATH}/${id}/edited`}>
        <label>
          The copy is read in place of the document and kept beside it.
          <textarea name="edited" rows={16} spellcheck={false} required>
            {text}
          </textarea>
        </label>
        <button type="submit">Take in the copy</button>
      </Act>
    </details>
  );
}
