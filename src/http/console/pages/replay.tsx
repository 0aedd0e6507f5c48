/** `/console/replay`: which messages, a dry run, and only then the replay. */

import { Elysia, t } from 'elysia';
import type { ComponentChildren } from 'preact';
import { ExchangeError } from '../../../errors.ts';
import { actorOf } from '../../../principal.ts';
import type { Replayable } from '../../../store/operator.ts';
import { DEFAULT_PACE } from '../../operator-schemas.ts';
import { Choice, TextField, TimeField } from '../fields.tsx';
import { Csrf, Page, pageResponse, seeOther } from '../page.tsx';
import { Act, Empty, Notice } from '../parts.tsx';
import { type Asked, askedOf, type ReplayFields, replayFields } from '../replay-fields.ts';
import { consoleAccess, type Visitor } from '../visitor.ts';
import { DIRECTIONS, directionWords, duration, number, plural } from '../words.ts';
import type { PagesOptions } from './options.ts';

const PATH = '/console/replay';

export function replayPages({ store, visitorOf }: PagesOptions) {
  return new Elysia({ name: 'console-replay' })
    .use(consoleAccess(visitorOf))
    .get(
      PATH,
      ({ query: { replayed, limit }, principal, csrfToken }) =>
        pageResponse(
          <ReplayPage visitor={{ principal, csrfToken }} fields={{}}>
            {replayed !== undefined && <Done replayed={Number(replayed)} limit={Number(limit)} />}
          </ReplayPage>,
        ),
      {
        console: 'read',
        query: t.Object({
          replayed: t.Optional(t.String({ pattern: '^[0-9]{1,6}$' })),
          limit: t.Optional(t.String({ pattern: '^[0-9]{1,6}$' })),
        }),
      },
    )
    .post(
      `${PATH}/dry-run`,
      async ({ body, principal, csrfToken }) => {
        const { csrf: _csrf, ...fields } = body;
        const visitor = { principal, csrfToken };
        const asked = askedOf(fields);
        const replayable =
          asked.faults.length === 0
            ? await store.operator.countReplayable(asked.filter)
            : undefined;
        return pageResponse(
          <ReplayPage visitor={visitor} fields={fields}>
            {asked.faults.map((fault) => (
              <Notice key={fault} tone="bad">
                {fault}
              </Notice>
            ))}
            {replayable && <DryRun {...{ replayable, fields, asked, visitor }} />}
          </ReplayPage>,
          asked.faults.length === 0 ? 200 : 422,
        );
      },
      { console: 'operate', parse: 'urlencoded', body: replayFields },
    )
    .post(
      PATH,
      async ({ body: { csrf: _csrf, ...fields }, principal }) => {
        const { filter, pace, faults } = askedOf(fields);
        if (faults.length > 0) throw new ExchangeError('invalid', faults.join(' '));
        const replayed = await store.operator.replayAll(filter, pace, actorOf(principal));
        return seeOther(`${PATH}?replayed=${replayed}&limit=${pace.limit}`);
      },
      { console: 'operate', parse: 'urlencoded', body: replayFields },
    );
}

const STATUS_OPTIONS: [string, string][] = [
  ['', 'Given up: Failed and Invalid'],
  ['IN_PROGRESS', 'In progress: end their wait'],
  ['SENT', 'Sent: ask the destination again'],
];
const CLASS_OPTIONS: [string, string][] = [
  ['', 'any'],
  ['4xx', '4xx: refused'],
  ['5xx', '5xx: in trouble'],
];
const DIRECTION_OPTIONS: [string, string][] = [
  ['', 'both'],
  ...DIRECTIONS.map((one): [string, string] => [one, directionWords[one].title]),
];

function ReplayPage({
  visitor,
  fields,
  children,
}: {
  visitor: Visitor;
  fields: ReplayFields;
  children?: ComponentChildren;
}) {
  return (
    <Page title="Replay" section={PATH} visitor={visitor}>
      {children}
      <p>
        When the reason for a failure is gone, take its messages up again: those that were given up
        start anew in the stage they died in, and a destination that may have one is asked first.
        Nothing happens before you have seen the dry run.
      </p>
      <Act visitor={visitor} action={`${PATH}/dry-run`}>
        <div class="search">
          <Choice name="status" title="Which" options={STATUS_OPTIONS} value={fields.status} />
          <Choice
            name="direction"
            title="Way"
            options={DIRECTION_OPTIONS}
            value={fields.direction}
          />
          <TextField
            name="errorCode"
            title="Error code"
            value={fields.errorCode}
            example="mhv:503"
          />
          <Choice
            name="httpStatusClass"
            title="HTTP status of the last attempt"
            options={CLASS_OPTIONS}
            value={fields.httpStatusClass}
          />
          <TextField name="receivingPoolId" title="To OH pool" value={fields.receivingPoolId} />
          <TextField name="icn" title="ICN" value={fields.icn} />
          <TimeField name="since" title="Accepted since (UTC)" value={fields.since} />
          <TimeField name="until" title="Accepted before (UTC)" value={fields.until} />
          <TextField
            name="limit"
            title={`At most (${DEFAULT_PACE.limit} unless told)`}
            value={fields.limit}
          />
          <TextField
            name="ratePerSecond"
            title={`A second (${DEFAULT_PACE.ratePerSecond} unless told)`}
            value={fields.ratePerSecond}
          />
          <div class="buttons">
            <button type="submit" class="main">
              Dry run
            </button>
          </div>
        </div>
      </Act>
    </Page>
  );
}

function DryRun({
  replayable: { matching, byErrorCode },
  fields,
  asked: { pace },
  visitor,
}: {
  replayable: Replayable;
  fields: ReplayFields;
  asked: Asked;
  visitor: Visitor;
}) {
  if (matching === 0) {
    return (
      <Empty title="The dry run found no message that matches.">
        Messages in hand, duplicates, dismissed and purged ones are never taken.
      </Empty>
    );
  }
  const taken = Math.min(matching, pace.limit);
  const tookMs = (taken / pace.ratePerSecond) * 1000;
  return (
    <section class="card" aria-labelledby="dry-run-title">
      <h2 id="dry-run-title">Dry run: {plural(matching, 'message')} would go</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Error</th>
            <th scope="col" class="number">
              Messages
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(byErrorCode).map(([code, messages]) => (
            <tr key={code}>
              <th scope="row">
                <code>{code}</code>
              </th>
              <td class="number">{number(messages)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        {taken < matching && `Of these the oldest ${number(taken)}. `}
        {tookMs < 1000
          ? 'They become due at once.'
          : `${number(pace.ratePerSecond)} a second become due, the last in about ${duration(tookMs)}.`}
      </p>
      <form method="post" action={PATH} class="act">
        <Csrf visitor={visitor} />
        {Object.entries(fields).map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        <button type="submit" class="main">
          Replay {plural(taken, 'message')}
        </button>
      </form>
    </section>
  );
}

function Done({ replayed, limit }: { replayed: number; limit: number }) {
  return (
    <Notice tone="ok">
      {plural(replayed, 'message')} replayed; {replayed === 1 ? 'it goes' : 'they go'} now.{' '}
      {replayed === limit && 'That is the limit: there may be more. '}
      <a href="/console/messages?status=IN_PROGRESS">See what is in progress</a>
    </Notice>
  );
}
