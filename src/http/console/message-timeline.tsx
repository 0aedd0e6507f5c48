/** What happened to one message, in order. */
import type { ComponentChildren } from 'preact';
import type { Instant } from '../../message.ts';
import type { MessageFacts } from '../../store/console.ts';
import type { AttemptView, EventView, MessageView } from '../../store/views.ts';
import { Id } from './parts.tsx';
import { directionWords, duration, type Tone, utc } from './words.ts';

/** One thing that happened. */
interface Step {
  at: Instant;
  tone: Tone;
  what: string;
  detail?: ComponentChildren;
  /** Of an attempt: what to look for in the log. */
  correlationId?: string;
}

export function Timeline({ message, facts }: { message: MessageView; facts: MessageFacts }) {
  const steps = stepsOf(message, facts);
  return (
    <section id="timeline" class="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">Timeline</h2>
      <p class="quiet">UTC. The log has every attempt under its correlation id.</p>
      <ol class="timeline">
        {steps.map((step, index) => (
          <li key={`${step.at} ${index}`} class={step.tone}>
            <span class="when">
              <time dateTime={new Date(step.at).toISOString()}>{millisecond(step.at)}</time>
              {index > 0 && <small>+{duration(step.at - (steps[index - 1]?.at ?? step.at))}</small>}
            </span>
            <div>
              <strong>{step.what}</strong> {step.detail}
              {step.correlationId && (
                <p class="quiet">
                  correlation <Id>{step.correlationId}</Id>
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Attempts have numbers for each stage; what comes at the same instant stays in this order. */
function stepsOf(message: MessageView, facts: MessageFacts): Step[] {
  const { attempts, events } = message;
  const of = (stage: 'inbox' | 'outbox') =>
    attempts
      .filter((attempt) => attempt.stage === stage)
      .flatMap((attempt) => [
        begun(attempt, message),
        ...events
          .filter((event) => event.stage === stage && event.attempt === attempt.number)
          .map(happened),
        ...ended(attempt, message),
      ]);
  const byPeople = events.filter(({ attempt }) => attempt === undefined).map(happened);
  return [accepted(message, facts), ...of('inbox'), ...of('outbox'), ...byPeople].toSorted(
    (a, b) => a.at - b.at,
  );
}

function accepted({ direction, acceptedAt }: MessageView, facts: MessageFacts): Step {
  const how =
    direction === 'mhv-to-oh'
      ? `posted to the API${facts.isKeyed ? ', with an Idempotency-Key' : ''}`
      : facts.source === 'history'
        ? "listed in the patient's history"
        : 'announced by an entry of a pushed or archived document';
  return { at: acceptedAt, tone: 'info', what: 'Accepted', detail: `${how}; on disk` };
}

function begun(
  { stage, number, startedAt, correlationId }: AttemptView,
  message: MessageView,
): Step {
  const { to } = directionWords[message.direction];
  const what = stage === 'inbox' ? 'Translation begun' : `Delivery to ${to} begun`;
  return { at: startedAt, tone: 'quiet', what: `${what}, attempt ${number}`, correlationId };
}

function ended(attempt: AttemptView, message: MessageView): Step[] {
  const { endedAt, outcome, stage, found, errorCode, reason, httpStatus } = attempt;
  if (endedAt === undefined || outcome === undefined) return [];
  const why = (
    <>
      <code>{errorCode}</code> {reason}
      {httpStatus !== undefined && ` (HTTP ${httpStatus})`}
    </>
  );
  switch (outcome) {
    case 'delivered':
      return [stage === 'inbox' ? translated(endedAt) : delivered(endedAt, found, message)];
    case 'duplicate':
      return [{ at: endedAt, tone: 'ok', what: 'A duplicate: another message carries it' }];
    case 'postponed':
      return [{ at: endedAt, tone: 'info', what: 'Put off, no attempt spent', detail: why }];
    case 'retry':
      return [{ at: endedAt, tone: 'warn', what: 'Failed without effect', detail: why }];
    case 'in-doubt':
      return [{ at: endedAt, tone: 'warn', what: 'In doubt: it may have arrived', detail: why }];
    case 'rejected':
      return [{ at: endedAt, tone: 'bad', what: 'Refused for good', detail: why }];
  }
}

function translated(at: Instant): Step {
  return {
    at,
    tone: 'ok',
    what: 'Translated',
    detail: 'and queued for delivery in the same commit',
  };
}

function delivered(at: Instant, found: boolean | undefined, message: MessageView): Step {
  const { direction, ohMessageId, mhvMessageId, mhvThreadId } = message;
  const { to } = directionWords[direction];
  const id = direction === 'oh-to-mhv' ? mhvMessageId : ohMessageId;
  return {
    at,
    tone: 'ok',
    what: found ? `${to} had it already` : `Delivered to ${to}`,
    detail: id && (
      <>
        as message <Id>{id}</Id>
        {direction === 'oh-to-mhv' && mhvThreadId && (
          <>
            {' '}
            of thread <Id>{mhvThreadId}</Id>
          </>
        )}
      </>
    ),
  };
}

const eventWords: Record<string, [what: string, tone: Tone]> = {
  asked: ['The destination was asked whether it has it', 'quiet'],
  found: ['It has', 'ok'],
  'not there': ['It has not', 'info'],
  replayed: ['Replayed', 'info'],
  dismissed: ['Dismissed', 'info'],
  held: ['Held', 'info'],
  released: ['Let go', 'info'],
};

function happened({ at, event, detail, actor }: EventView): Step {
  const [what, tone] = eventWords[event] ?? [event, 'quiet' as const];
  const words = [detail, actor && `by ${actor}`].filter(Boolean).join(', ');
  return { at, tone, what, ...(words === '' ? {} : { detail: words }) };
}

function millisecond(at: Instant): string {
  return `${utc(at)}.${String(at % 1000).padStart(3, '0')}`;
}
