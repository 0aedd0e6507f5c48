/** The forms a message has on its way, side by side. What people wrote is hidden until somebody asks. */
import type { ComponentChildren } from 'preact';
import { allows } from '../../principal.ts';
import type { MessageContents, MessageFacts } from '../../store/console.ts';
import type { MessageView } from '../../store/store.ts';
import { Act, At, Facts, Id } from './parts.tsx';
import type { Visitor } from './visitor.ts';
import { bytes, directionWords, number } from './words.ts';

/** Of each form so many characters are shown. */
const MOST_SHOWN = 100_000;

export function MessageForms({
  message,
  facts,
  visitor,
  contents,
}: {
  message: MessageView;
  facts: MessageFacts;
  visitor: Visitor;
  /** Absent: nobody has asked for them. */
  contents: MessageContents | undefined;
}) {
  const { to, from } = directionWords[message.direction];
  const raw =
    message.direction === 'oh-to-mhv'
      ? 'The entry as it was accepted: ids only. The message itself is fetched from Oracle Health when it is translated, and is not kept.'
      : 'What was posted, as it was accepted.';
  return (
    <section id="forms" class="card" aria-labelledby="forms-title">
      <h2 id="forms-title">Its forms</h2>
      <Disclosure {...{ message, facts, visitor, contents }} />
      <div class="forms">
        <Form title="Raw" about={raw}>
          <Text text={contents && pretty(contents.received)} size={facts.receivedBytes} />
        </Form>
        <Form title="Translated" about="What people read, after translation.">
          <Readable text={contents?.translated} size={facts.translatedBytes} />
        </Form>
        <Form title="Sent" about={`What ${to} is asked to take, with its ids and files.`}>
          <Text text={contents && pretty(contents.translated)} size={facts.translatedBytes} />
        </Form>
        <Form title="Answered" about={`What ${to} said to it, the last attempt.`}>
          <Answer message={message} />
        </Form>
      </div>
      <p class="quiet">
        From {from} on the left to the answer of {to} on the right.
      </p>
    </section>
  );
}

function Disclosure({
  message,
  facts,
  visitor,
  contents,
}: {
  message: MessageView;
  facts: MessageFacts;
  visitor: Visitor;
  contents: MessageContents | undefined;
}) {
  if (facts.purgedAt !== undefined) {
    return (
      <p>
        The contents were dropped on <At at={facts.purgedAt} /> UTC, after RETENTION_DAYS. Ids and
        the timeline stay.
      </p>
    );
  }
  if (contents)
    return <p class="notice info">Shown to {visitor.principal.name}; it is in the audit.</p>;
  if (!allows(visitor.principal, 'operate')) {
    return <p class="quiet">To see what people wrote needs the right to operate.</p>;
  }
  return (
    <Act visitor={visitor} action={`/console/messages/${message.id}/contents#forms`}>
      <p>What people wrote is hidden. Whoever looks at it is written down in the audit.</p>
      <button type="submit">Show the contents</button>
    </Act>
  );
}

function Form({
  title,
  about,
  children,
}: {
  title: string;
  about: string;
  children: ComponentChildren;
}) {
  return (
    <article>
      <h3>{title}</h3>
      <p class="quiet">{about}</p>
      {children}
    </article>
  );
}

function Text({ text, size }: { text: string | undefined; size: number | undefined }) {
  if (size === undefined) return <p class="quiet">There is none.</p>;
  if (text === undefined) return <Hidden size={size} />;
  return (
    <pre tabIndex={0}>
      {text.slice(0, MOST_SHOWN)}
      {text.length > MOST_SHOWN && `\n… ${number(text.length - MOST_SHOWN)} characters more`}
    </pre>
  );
}

function Hidden({ size }: { size: number }) {
  return <p class="veil">{bytes(size)}, hidden</p>;
}

/** Subject, people and text, as far as the payload has them. */
function Readable({ text, size }: { text: string | undefined; size: number | undefined }) {
  if (size === undefined) return <p class="quiet">It was not translated.</p>;
  if (text === undefined) return <Hidden size={size} />;
  const payload = parsed(text);
  const group = objectOf(payload['triageGroup']);
  const sender = objectOf(payload['sender']);
  const body = wordOf(payload['body']) ?? plainOf(wordOf(payload['xhtml']) ?? '');
  const files = Array.isArray(payload['attachments']) ? payload['attachments'] : [];
  return (
    <>
      <Facts
        of={[
          ['Subject', wordOf(payload['subject'])],
          ['From', wordOf(sender['name'])],
          ['Triage group', wordOf(group['name'])],
          ['Station', wordOf(group['stationNumber'])],
          ['To pool', wordOf(payload['receivingPoolId'])],
          [
            'Files',
            files.length > 0 && files.map((file) => wordOf(objectOf(file)['name'])).join(', '),
          ],
        ]}
      />
      <pre tabIndex={0} class="letter">
        {body.slice(0, MOST_SHOWN)}
      </pre>
    </>
  );
}

function Answer({ message }: { message: MessageView }) {
  const last = message.attempts.findLast(({ stage }) => stage === 'outbox');
  if (!last) return <p class="quiet">Nothing was sent.</p>;
  if (last.endedAt === undefined) return <p class="quiet">No answer yet.</p>;
  const { ohMessageId, mhvMessageId, mhvThreadId } = message;
  return (
    <Facts
      of={[
        ['Outcome', last.found ? 'delivered (it had it already)' : last.outcome],
        ['HTTP status', last.httpStatus],
        ['Code', last.errorCode && <code>{last.errorCode}</code>],
        ['Reason', last.reason],
        ['OH message', ohMessageId && <Id>{ohMessageId}</Id>],
        ['MHV message', mhvMessageId && <Id>{mhvMessageId}</Id>],
        ['MHV thread', mhvThreadId && <Id>{mhvThreadId}</Id>],
      ]}
    />
  );
}

/** The bytes of files are told by their length. */
function pretty(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  return JSON.stringify(
    parsed(json),
    (key, value: unknown) =>
      key === 'contentBase64' && typeof value === 'string'
        ? `(${number(value.length)} characters of base64)`
        : value,
    2,
  );
}

function parsed(json: string): Record<string, unknown> {
  try {
    return objectOf(JSON.parse(json));
  } catch {
    return { 'not JSON': json };
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The exchange's own XHTML: paragraphs of text with numeric references, nothing else. */
function plainOf(xhtml: string): string {
  return xhtml
    .replace(/^[\s\S]*<body[^>]*>/, '')
    .replaceAll('</p>', '\n\n')
    .replaceAll(/<br\s*\/>/g, '\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .trim();
}
