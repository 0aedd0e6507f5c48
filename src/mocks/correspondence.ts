/** Years of invented messages between patients and their care teams, the same for the same seed. */
import { pick, seededChance } from './chance.ts';
import {
  emptyMailbox,
  type Mailbox,
  type MessageText,
  type StoredMessage,
  store,
} from './mailbox.ts';
import { keepMedia, type MediaStore, referenceTo } from './media-store.ts';
import type { Patient, Population } from './population.ts';
import { rtfOf } from './rtf.ts';

const YEARS_MS = 5 * 365 * 24 * 3600 * 1000;
const HOUR_MS = 3600 * 1000;

interface Writing {
  population: Population;
  mailbox: Mailbox;
  media: MediaStore;
  chance: () => number;
}

/**
 * A mailbox in which every ordinary patient has `messagesPerPatient` messages, sent and received, spread
 * evenly over the five years before `before` in conversations of up to five. The survivor of the combined
 * patient has four, among them a reminder and a deleted message.
 */
export function writeCorrespondence(
  population: Population,
  media: MediaStore,
  parameters: { messagesPerPatient: number; seed: number },
  before: number,
): Mailbox {
  const mailbox = emptyMailbox();
  const writing = { population, mailbox, media, chance: seededChance(parameters.seed) };
  for (const patient of population.ordinary) {
    writeFor(writing, patient, parameters.messagesPerPatient, before);
  }
  const survivor = population.patients.get(population.special.combined.survivorPatientId);
  if (survivor !== undefined) writeOddOnes(writing, survivor, before);
  mailbox.announced.sort((left, right) => left.createdAt - right.createdAt);
  return mailbox;
}

function writeFor(writing: Writing, patient: Patient, messages: number, before: number): void {
  const { chance } = writing;
  const stepMs = (YEARS_MS - 2 * HOUR_MS) / Math.max(1, messages);
  let previous: StoredMessage | undefined;
  let left = 0;
  for (let index = 0; index < messages; index++) {
    if (left === 0) {
      previous = undefined;
      left = 1 + Math.floor(chance() * 5);
    }
    left--;
    const createdAt = before - YEARS_MS + (index + chance()) * stepMs;
    const fromPatient =
      previous === undefined ? chance() < 0.5 : previous.box === 'inbox' && chance() < 0.9;
    const number = index + 1;
    previous = fromPatient
      ? writeOut(writing, patient, number, createdAt, previous)
      : writeIn(writing, patient, number, createdAt, previous);
  }
}

function writeOut(
  writing: Writing,
  patient: Patient,
  number: number,
  createdAt: number,
  previous: StoredMessage | undefined,
): StoredMessage {
  const subject = subjectOf(number, previous);
  const pool = pick(writing.chance, openPools(writing.population)) ?? '0';
  const text = `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>${subject}</title></head><body><p>Invented question ${number}.</p><p>Caf&#233; &#8212; thank you.</p></body></html>`;
  return store(writing.mailbox, {
    box: 'outbox',
    patientId: patient.ohPatientId,
    subject,
    createdAt,
    status: 'OPENED',
    sender: { type: 'PERSON', id: patient.ohPatientId },
    receivers: [{ type: 'POOL', receiverId: Number(pool) }],
    previous,
    encounterId: patient.encounterId,
    texts: [{ title: subject, formatType: 'XHTML', text }],
    announced: false,
  });
}

function writeIn(
  writing: Writing,
  patient: Patient,
  number: number,
  createdAt: number,
  previous: StoredMessage | undefined,
): StoredMessage {
  const { chance, media, population } = writing;
  const subject = subjectOf(number, previous);
  const fromPool = chance() < 0.7;
  const people = fromPool ? openPools(population) : [...population.personnel.keys()];
  const rtf = rtfOf(`Invented answer ${number}.\nTemp 37\u00B0 \u2014 see you soon.`);
  const texts: MessageText[] | undefined =
    chance() < 0.2
      ? [
          { title: subject, formatType: 'RTF', text: rtf },
          { title: 'Earlier', formatType: 'RTF', text: rtfOf('Invented earlier block.') },
        ]
      : undefined;
  const bytes = Buffer.from(`Invented file of message ${number}.\n`);
  const file = { name: `plan-${number}.txt`, mimeType: 'text/plain', bytes };
  const attachments = chance() < 0.05 ? [referenceTo(keepMedia(media, file, 0))] : [];
  return store(writing.mailbox, {
    box: 'inbox',
    patientId: patient.ohPatientId,
    subject,
    createdAt,
    status: chance() < 0.5 ? 'UNREAD' : 'OPENED',
    sender: { type: fromPool ? 'POOL' : 'PERSONNEL', id: pick(chance, people) ?? '0' },
    receivers: [{ type: 'PERSON', receiverId: Number(patient.ohPatientId) }],
    attachments,
    previous,
    encounterId: patient.encounterId,
    text: rtf,
    ...(texts === undefined ? {} : { texts }),
    announced: true,
  });
}

function writeOddOnes(writing: Writing, patient: Patient, before: number): void {
  const day = 24 * HOUR_MS;
  const first = writeOut(writing, patient, 1, before - 4 * day, undefined);
  writeIn(writing, patient, 2, before - 3 * day, first);
  writeIn(writing, patient, 3, before - 2 * day, undefined).messageType = 'REMINDER';
  writeIn(writing, patient, 4, before - day, undefined).status = 'DELETED';
}

function subjectOf(number: number, previous: StoredMessage | undefined): string {
  if (previous === undefined) return `ZZTEST topic ${number}`;
  return previous.subject.startsWith('Re: ') ? previous.subject : `Re: ${previous.subject}`;
}

function openPools(population: Population): string[] {
  return [...population.pools.values()]
    .filter((pool) => pool.recipientAccess === 'GRANTED')
    .map((pool) => pool.id);
}
