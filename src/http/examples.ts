/** What the API's description shows as examples; nobody in them exists. */

const id = '01a2055c-e698-74c2-b1d2-52e04040871f';
const icn = '1000104729V004321';
const acceptedAt = '2025-10-08T14:15:47.250Z';
const settledAt = '2025-10-08T14:15:47.431Z';

export const send = {
  icn,
  subject: 'Sore knee',
  body: 'It hurts since Tuesday.',
  receivingPoolId: '2000001',
  mhvMessageId: 655570,
};

export const sendAnswer = { id, status: 'IN_PROGRESS' };

const summary = {
  id,
  direction: 'mhv-to-oh',
  status: 'SENT',
  stage: 'outbox',
  icn,
  ohPatientId: '1000001',
  ohMessageId: '3000000256:-4:0:0',
  mhvMessageId: '655570',
  acceptedAt,
  settledAt,
};

export const view = {
  ...summary,
  attempts: [
    {
      stage: 'outbox',
      number: 1,
      startedAt: acceptedAt,
      endedAt: settledAt,
      outcome: 'delivered',
      found: false,
      correlationId: '01a2055c-e6a2-7041-93a5-5f3b2f0ac7d5',
    },
  ],
  events: [{ at: acceptedAt, stage: 'outbox', attempt: 1, event: 'asked' }],
};

export const messages = { messages: [summary], next: '4711' };

export const session = {
  authority: 'demo',
  status: 'IN_PROGRESS',
  syncComplete: false,
  listed: 120,
  delivered: 80,
};

export const sessionTimeline = {
  ...session,
  events: [{ at: acceptedAt, event: 'identified', detail: '1000001' }],
};

export const destination = {
  destination: 'oh-to-mhv',
  state: 'open',
  openUntil: settledAt,
  failuresInARow: 5,
  code: 'mhv:503',
  inHand: 0,
  translation: { state: 'closed', failuresInARow: 0, inHand: 3 },
};

export const group = {
  ohPoolId: '2000001',
  name: 'ZZTEST Primary Care East',
  stationNumber: '668',
  mhvTriageTeamId: '4399547',
  preferred: true,
  source: 'csv',
  updatedAt: acceptedAt,
  actor: 'token:directory',
};

const document = {
  id,
  scope: 'document',
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  contentType: 'application/atom+xml',
  sizeBytes: 612,
  firstSeenAt: acceptedAt,
  lastSeenAt: acceptedAt,
  pushes: 1,
  faultCount: 1,
};

export const quarantine = { documents: [document], next: id };

export const quarantined = {
  ...document,
  faults: [{ detail: 'Expected the end tag of entry.', element: 'entry', line: 1, column: 50 }],
};

export const pushed = { accepted: 1, duplicates: 0, rejected: 0 };

export const entry = `<entry xmlns="http://www.w3.org/2005/Atom">
  <id>urn:example:oh:message:3000000258%3A-6%3A0%3A0</id>
  <title>Flu shots</title>
  <updated>2025-10-08T14:15:40Z</updated>
  <link href="https://oh.example.test/messaging/demo/service/demo/patients/1000001/inbox/messages/3000000258%3A-6%3A0%3A0"/>
</entry>`;

export const keySet = {
  keys: [{ kty: 'RSA', kid: 'exchange-1', alg: 'RS384', use: 'sig', n: '0vx7agoebG', e: 'AQAB' }],
};

export const auditLine = `{"seq":1,"at":"${acceptedAt}","actor":"operator:ann","action":"message.replay","object_kind":"message","object_id":"${id}","detail":"{}","prev_hash":"${'0'.repeat(64)}","hash":"${'9'.repeat(64)}"}`;
