/** What happens in the demo: clinicians and patients write, things repeat, something is broken. */
import { get, type Patient, post, type Town } from './town.ts';

/** What the story expects of the database and the mocks when all is done. */
export interface Expected {
  /** OH message ids that MHV must have, each once. */
  toMhv: string[];
  /** Exchange ids of the sends that must reach OH, each once. */
  toOh: string[];
  /** Exchange ids of the sends that must be refused. */
  invalid: string[];
  /** OH message id of the entry that was pushed twice. */
  pushedTwice: string;
  /** ICN of the patient whose history was asked for, and how many messages it has. */
  history: { icn: string; messages: number };
  quarantined: number;
  /** OH message id of the message whose pool was mapped while it waited. */
  waitedForPool: string;
  /** OH message id of the clinician's reply, and of what it replies to. */
  clinicianReply: { id: string; to: string };
  /** Exchange id of the patient's reply, and the OH message id it replies to. */
  patientReply: { id: string; to: string };
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Messages of the patient who logs in for the first time. */
const HISTORIC = 200;
/** How many of them the mocks have from the start. */
const SEEDED = 8;
const FOUR_SCRIPTS = 'Thank you — спасибо — شكرا — 谢谢 😀\n\n  Café at 37 °C?';
const RTF =
  '{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}\\f0 Your \\b results\\b0  are in:\\par ' +
  "\\bullet  glucose 98 mg/dL\\par \\bullet  A1c 5.4\\u37?\\par Caf\\'e9 opens at 9\\emdash see you.\\par}";
/** A pool that nobody has heard of when its clinician writes. */
const NEW_POOL = '2000009';
const NOTE = Buffer.from('Invented note of an invented patient.\n').toString('base64');

/** Tells the story; the messages are on their way when it returns. */
export async function tell(town: Town): Promise<Expected> {
  const [ann, bob, cyd, dee, eve, fay] = await get<Patient[]>(`${town.fhir}/_mock/patients`);
  const pools = await get<{ id: string; recipientAccess: string }[]>(
    `${town.messaging}/_mock/pools`,
  );
  const open = pools.find(({ recipientAccess }) => recipientAccess === 'GRANTED')?.id;
  const closed = pools.find(({ recipientAccess }) => recipientAccess !== 'GRANTED')?.id;
  if (!ann || !bob || !cyd || !dee || !eve || !fay || !open || !closed) {
    throw new Error('The mocks are too small.');
  }

  const clinic = clinician(town, open);
  await giveHistory(clinic, fay);
  await post(`${town.exchange}/sessions`, { icn: fay.icn });
  const labs = await clinic(ann, { subject: 'Your lab results', text: RTF });
  const plan = await clinic(bob, {
    subject: 'Care plan',
    body: 'Your plan is attached.',
    attachments: [{ name: 'plan.txt', mimeType: 'text/plain', contentBase64: NOTE }],
  });
  const visit = await clinic(cyd, { subject: 'Next visit', body: 'Tuesday at ten?' });
  const flu = await clinic(dee, { subject: 'Flu shots', body: 'The clinic has them now.' });

  const heart = await clinician(town, NEW_POOL)(eve, {
    subject: 'Stress test',
    body: 'Thursday at nine?',
  });

  const patient = patientOf(town, open);
  const refill = await patient(
    dee,
    { subject: 'Refill', body: 'May I have a refill?' },
    'refill-1',
  );
  await patient(dee, { subject: 'Refill', body: 'May I have a refill?' }, 'refill-1');
  const reply = await patient(ann, {
    subject: 'Re: Your lab results',
    body: 'Good news, thank you.',
    inReplyToOhMessageId: labs,
  });
  const scripts = await patient(cyd, { subject: 'Next visit', body: FOUR_SCRIPTS });
  const note = await patient(bob, {
    subject: 'My readings',
    body: 'See the file.',
    attachments: [{ name: 'readings.txt', mimeType: 'text/plain', contentBase64: NOTE }],
  });
  const ride = await patient(ann, { subject: 'Parking', body: 'Where may I park?' });
  const refused = await patient(bob, {
    subject: 'Hello',
    body: 'Anyone?',
    receivingPoolId: closed,
  });

  const refillAtOh = await sentId(town, refill);
  const answer = await clinic(dee, {
    subject: 'Re: Refill',
    body: 'Ready on Monday.',
    previousMessageId: refillAtOh,
  });
  await repush(town, labs);
  await mapPool(town);
  await push(town, '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>urn:x</id></feed>');

  return {
    toMhv: [labs, plan, visit, flu, heart, answer],
    toOh: [refill, reply, scripts, note, ride],
    invalid: [refused],
    pushedTwice: labs,
    history: { icn: fay.icn, messages: HISTORIC },
    quarantined: 1,
    waitedForPool: heart,
    clinicianReply: { id: answer, to: refillAtOh },
    patientReply: { id: reply, to: labs },
  };
}

/** Old messages that no feed announces, on top of those the mocks have of every patient. */
async function giveHistory(clinic: ReturnType<typeof clinician>, patient: Patient): Promise<void> {
  for (let number = SEEDED; number < HISTORIC; number += 1) {
    await clinic(patient, {
      subject: `Old letter ${number}`,
      body: 'Invented long ago.',
      announce: false,
      createdAt: Date.now() - number * 5 * DAY_MS,
    });
  }
}

/** A clinician writes in OH; OH's feed pushes word of it. Returns the OH message id. */
function clinician(town: Town, poolSenderId: string) {
  return async ({ ohPatientId }: Patient, letter: Record<string, unknown>): Promise<string> => {
    const { body } = await post<{ ohMessageId: string }>(`${town.messaging}/_mock/inbox`, {
      patientId: ohPatientId,
      poolSenderId,
      ...letter,
    });
    return body.ohMessageId;
  };
}

/** MHV posts what a patient wrote. Returns the exchange's id of the message. */
function patientOf(town: Town, receivingPoolId: string) {
  let mhvMessageId = 800;
  return async (
    { icn }: Patient,
    letter: Record<string, unknown>,
    idempotencyKey?: string,
  ): Promise<string> => {
    mhvMessageId += 1;
    const send = { icn, receivingPoolId, ...letter };
    const { status, body } = await post<{ id: string }>(
      `${town.exchange}/messages`,
      // A repeated request must be the same to the last field.
      idempotencyKey === undefined ? { ...send, mhvMessageId } : send,
      idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey },
    );
    if (status !== 202) throw new Error(`POST /messages answered ${status}`);
    return body.id;
  };
}

/** Asks the exchange until the message has its OH id, as MHV does. */
async function sentId(town: Town, id: string): Promise<string> {
  for (let asked = 0; asked < 300; asked += 1) {
    const view = await get<{ ohMessageId?: string }>(`${town.exchange}/messages/${id}`);
    if (view.ohMessageId) return view.ohMessageId;
    await Bun.sleep(50);
  }
  throw new Error('A message was not sent in 15 s.');
}

/** OH pushes the same entry again. */
async function repush(town: Town, ohMessageId: string): Promise<void> {
  for (let asked = 0; asked < 300; asked += 1) {
    const { messages } = await get<{ messages: unknown[] }>(
      `${town.exchange}/messages?ohMessageId=${encodeURIComponent(ohMessageId)}`,
    );
    if (messages.length > 0) break;
    await Bun.sleep(50);
  }
  const { body } = await post<{ body: string }>(`${town.feed}/_mock/repush`, { ohMessageId });
  const answer = JSON.parse(body.body) as { accepted?: number; duplicates?: number };
  if (answer.accepted !== 0 || answer.duplicates !== 1) {
    throw new Error(`An entry pushed again was answered ${body.body}`);
  }
}

/** The message waits for its pool; then the clinic opens, and a person maps the pool. */
async function mapPool(town: Town): Promise<void> {
  await waitFor(town, 'directory:unmapped-pool');
  await post(`${town.messaging}/_mock/pools/${NEW_POOL}`, { name: 'ZZTEST CARD E 2' });
  const names = [{ name: 'ZZTEST Cardiology East', stationNumber: '668' }];
  const url = `${town.exchange}/directory/${NEW_POOL}`;
  const { status } = await post(url, { names, actor: 'demo' }, {}, 'PUT');
  if (status !== 200) throw new Error(`PUT /directory answered ${status}`);
}

/** Waits until a message shows the error. */
async function waitFor(town: Town, code: string): Promise<void> {
  for (let asked = 0; asked < 300; asked += 1) {
    const { messages } = await get<{ messages: unknown[] }>(
      `${town.exchange}/messages?errorCode=${encodeURIComponent(code)}`,
    );
    if (messages.length > 0) return;
    await Bun.sleep(50);
  }
  throw new Error('No message waited for its pool.');
}

async function push(town: Town, document: string): Promise<void> {
  const { body } = await post<{ status: number }>(`${town.feed}/_mock/push`, { body: document });
  if (body.status !== 400) throw new Error(`A malformed document was answered ${body.status}.`);
}
