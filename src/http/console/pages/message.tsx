/** `/console/messages/{id}`: one message, from what brought it to the id its destination gave it. */
import { Elysia, t } from 'elysia';
import type { ComponentChildren } from 'preact';
import { ExchangeError } from '../../../errors.ts';
import type { Instant } from '../../../message.ts';
import { actorOf, allows } from '../../../principal.ts';
import type { DestinationView } from '../../../queue/engine.ts';
import type { MessageContents, MessageFacts } from '../../../store/console.ts';
import type { MessageView } from '../../../store/store.ts';
import { traceIdOf } from '../../../telemetry/tracing.ts';
import type { Fragments } from '../events.ts';
import { MessageForms } from '../message-forms.tsx';
import { Timeline } from '../message-timeline.tsx';
import { Page, pageResponse, seeOther } from '../page.tsx';
import { Act, Ago, At, Facts, Id, Notice, StatusBadge } from '../parts.tsx';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { directionWords, duration } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/messages/:id';

type Gate = Pick<DestinationView, 'state' | 'openUntil' | 'pausedBy'>;

/** All that is known of a message but for what people wrote. */
interface Known {
  message: MessageView;
  facts: MessageFacts;
  /** Whether what it waits for takes messages: its look-ups, then its destination. */
  gate: Gate | undefined;
  now: Instant;
}

export function messagePage({ store, destinations, visitorOf, events, now }: PagesOptions) {
  const known = async (id: string): Promise<Known> => {
    const message = await store.find(id);
    if (!message) throw new ExchangeError('not-found', 'No message has this id.');
    const destination = (await destinations.list()).find(
      (one) => one.destination === message.direction,
    );
    const gate = message.stage === 'inbox' ? destination?.translation : destination;
    return { message, facts: await store.console.factsOf(id), gate, now: now() };
  };
  const page = async (id: string, visitor: Visitor, contents?: MessageContents) => {
    const all = await known(id);
    return pageResponse(
      <Page title="Message" section="/console/messages" live={liveOf(id)} visitor={visitor}>
        {Object.values(fragmentsOf(all, visitor))}
        <MessageForms {...all} visitor={visitor} contents={contents} />
      </Page>,
    );
  };
  return new Elysia({ name: 'console-message' })
    .use(consoleAccess(visitorOf))
    .get(PATH, ({ params, principal, csrfToken }) => page(params.id, { principal, csrfToken }), {
      console: 'read',
    })
    .get(
      '/console/events/messages/:id',
      ({ request, params: { id } }) =>
        events(request, async (visitor) => fragmentsOf(await known(id), visitor)),
      { console: 'read' },
    )
    .post(
      `${PATH}/contents`,
      async ({ params: { id }, principal, csrfToken }) => {
        const contents = await store.console.contentsOf(id, actorOf(principal));
        return page(id, { principal, csrfToken }, contents);
      },
      { console: 'operate', parse: 'urlencoded', body: t.Object({ csrf: t.String() }) },
    )
    .post(
      `${PATH}/retry`,
      async ({ params: { id }, principal }) => {
        await store.operator.replayOne(id, actorOf(principal));
        return seeOther(`/console/messages/${id}`);
      },
      { console: 'operate', parse: 'urlencoded', body: t.Object({ csrf: t.String() }) },
    )
    .post(
      `${PATH}/dismiss`,
      async ({ params: { id }, body, principal }) => {
        await store.operator.dismiss(id, actorOf(principal), body.reason);
        return seeOther(`/console/messages/${id}`);
      },
      {
        console: 'operate',
        parse: 'urlencoded',
        body: t.Object({
          csrf: t.String(),
          reason: t.String({
            pattern: '\\S',
            maxLength: 500,
            error: 'must be 1 to 500 characters, not all blank',
          }),
        }),
      },
    );
}

function liveOf(id: string): string {
  return `/console/events/messages/${id}`;
}

function fragmentsOf(known: Known, visitor: Visitor): Fragments {
  return {
    'message-head': <Head {...known} />,
    'message-acts': <Acts message={known.message} visitor={visitor} />,
    timeline: <Timeline {...known} />,
  };
}

function Head({ message, facts, gate, now }: Known) {
  const { id, direction, status, acceptedAt, settledAt, error } = message;
  const { title } = directionWords[direction];
  return (
    <section id="message-head" class="card" aria-label="In short">
      <div class="card-head">
        <p class="way">{title}</p>
        <StatusBadge status={status} />
      </div>
      <Situation {...{ message, facts, gate, now }} />
      {error && (
        <Notice tone={status === 'IN_PROGRESS' ? 'warn' : 'bad'}>
          <code>{error.code}</code> {error.reason}
          {error.httpStatus !== undefined && ` (HTTP ${error.httpStatus})`}
        </Notice>
      )}
      <Facts
        of={[
          ['Exchange id', <Id key="id">{id}</Id>],
          ['ICN', message.icn && <Id>{message.icn}</Id>],
          ['OH patient', message.ohPatientId && <Id>{message.ohPatientId}</Id>],
          ['OH message', message.ohMessageId && <Id>{message.ohMessageId}</Id>],
          ['MHV message', message.mhvMessageId && <Id>{message.mhvMessageId}</Id>],
          ['MHV thread', message.mhvThreadId && <Id>{message.mhvThreadId}</Id>],
          ['Trace', facts.traceparent && <Id>{traceIdOf(facts.traceparent)}</Id>],
          ['Accepted (UTC)', <At key="at" at={acceptedAt} />],
          ['Settled (UTC)', settledAt !== undefined && <At at={settledAt} />],
          ['Took', settledAt !== undefined && duration(settledAt - acceptedAt)],
          ['Same OH message as', facts.duplicateOf && <MessageLink id={facts.duplicateOf} />],
          ['Waits for', message.blockedBy && <MessageLink id={message.blockedBy} />],
          [
            'Waits for this one',
            facts.blocks.length > 0 && (
              <ul>
                {facts.blocks.map((one) => (
                  <li key={one}>
                    <MessageLink id={one} />
                  </li>
                ))}
              </ul>
            ),
          ],
        ]}
      />
    </section>
  );
}

function MessageLink({ id }: { id: string }) {
  return (
    <a href={`/console/messages/${id}`}>
      <Id>{id}</Id>
    </a>
  );
}

/** Where it is and what happens next, in one sentence. */
function Situation(known: Known) {
  return <p class="situation">{situationOf(known)}</p>;
}

function situationOf({ message, facts, gate, now }: Known): ComponentChildren {
  const { status, stage, blockedBy, waitsForHistory, dueAt, direction, events } = message;
  const { to } = directionWords[direction];
  if (facts.duplicateOf) return 'Another message carries the same OH message; this one is done.';
  if (status === 'SENT') return `${to} has it.`;
  if (status !== 'IN_PROGRESS') {
    const latest = events.findLast(({ actor }) => actor !== undefined);
    if (latest?.event === 'dismissed') return `Given up, and dismissed by ${latest.actor}.`;
    return 'Given up: it waits for a person. Replay it when the reason is gone, or dismiss it.';
  }
  const next = stage === 'inbox' ? 'translated' : `delivered to ${to}`;
  if (waitsForHistory) return 'It waits until OH has listed what the patient had before.';
  if (blockedBy) return `It waits for an earlier message of the same patient, then it is ${next}.`;
  if (isInHand(message)) return `It is being ${next} at this moment.`;
  if (gate?.state === 'paused') {
    return `It is to be ${next} when somebody resumes what ${gate.pausedBy} paused.`;
  }
  if (gate?.state === 'open' && (gate.openUntil ?? 0) > Math.max(now, dueAt ?? 0)) {
    return (
      <>
        It is to be {next}, but {stage === 'inbox' ? 'Oracle Health' : to} has failed too often: one
        message tries again <Ago at={gate.openUntil ?? now} now={now} />.
      </>
    );
  }
  if (dueAt !== undefined && dueAt > now) {
    return (
      <>
        It is to be {next} <Ago at={dueAt} now={now} />
        {facts.inDoubtSince !== undefined && `; ${to} is asked first whether it has it already`}.
      </>
    );
  }
  return `It is due to be ${next}.`;
}

function isInHand({ attempts, stage }: MessageView): boolean {
  return (
    attempts.findLast((attempt) => attempt.stage === stage)?.startedAt !== undefined &&
    attempts.findLast((attempt) => attempt.stage === stage)?.endedAt === undefined
  );
}

function Acts({ message, visitor }: { message: MessageView; visitor: Visitor }) {
  const { id, status } = message;
  const path = `/console/messages/${id}`;
  const isGivenUp = status === 'FAILED' || status === 'INVALID';
  return (
    <section id="message-acts" class="acts" aria-label="What can be done">
      {allows(visitor.principal, 'operate') ? (
        <>
          <Act visitor={visitor} action={`${path}/retry`}>
            <button type="submit" class={isGivenUp ? 'main' : undefined}>
              {retryWords[status]}
            </button>
          </Act>
          {isGivenUp && (
            <details id="dismiss">
              <summary class="button">Dismiss …</summary>
              <Act visitor={visitor} action={`${path}/dismiss`}>
                <label>
                  Why nobody needs it any more (no patient data)
                  <input name="reason" required maxLength={500} autocomplete="off" />
                </label>
                <button type="submit" class="danger">
                  Dismiss
                </button>
              </Act>
            </details>
          )}
        </>
      ) : (
        <p class="quiet">To retry or dismiss it needs the right to operate.</p>
      )}
    </section>
  );
}

const retryWords = {
  IN_PROGRESS: 'End its wait',
  SENT: 'Ask the destination again',
  FAILED: 'Replay',
  INVALID: 'Replay',
} as const;
