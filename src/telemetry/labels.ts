/** The closed lists behind labels and span names: whatever is not in one is `other`, or `{id}`. */

/** What any of the systems may come to. */
const OF_SYSTEM =
  /^(?:oh|fhir|media|mhv|mhv-file|auth):(?:[1-9]\d\d|answer-too-large|connection-lost|invalid-id|no-connection|origin-not-configured|timeout|tls|unauthorized|unreadable)$/;

const CODES = new Set([
  'attempts-spent',
  'directory:unmapped-pool',
  'fhir:patient-ambiguous',
  'fhir:patient-mismatch',
  'fhir:patient-unknown',
  'fhir:icn-ambiguous',
  'fhir:icn-unknown',
  'fhir:invalid-icn',
  'fhir:next-elsewhere',
  'fhir:patient-combined',
  'fhir:patient-inactive',
  'fhir:too-many-pages',
  'internal',
  'media:digest-mismatch',
  'media:not-found',
  'media:too-large',
  'mhv:invalid-correlation-id',
  'mhv:no-file-extension',
  'mhv:session-unreadable',
  'oh:message-not-found',
  'oh:patient-combined',
  'oh:patient-unknown',
  'oh:personnel-unknown',
  'oh:pool-unknown',
  'oh:recipient-denied',
  'translate:attachment-empty',
  'translate:attachment-encoding',
  'translate:attachment-name',
  'translate:attachment-too-large',
  'translate:attachment-type',
  'translate:attachments-too-large',
  'translate:body-characters',
  'translate:empty-body',
  'translate:empty-subject',
  'translate:no-pool',
  'translate:no-sender',
  'translate:no-station',
  'translate:subject-characters',
  'translate:subject-too-long',
  'translate:too-many-attachments',
  'translate:unreadable-body',
  'under-way',
]);

/** The code of an outcome as a label. */
export function codeLabel(code: string): string {
  return CODES.has(code) || OF_SYSTEM.test(code) ? code : 'other';
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']);

/** The method of a request as a label: a caller may send any word. */
export function methodLabel(method: string): string {
  return METHODS.has(method) ? method : '_OTHER';
}

/** `2xx` to `5xx`. */
export function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

/** Words of the paths that the clients call. What is not here may be the id of a patient. */
const PATH_WORDS = new Set([
  'Encounter',
  'HealthcareService',
  'Location',
  'Organization',
  'Patient',
  'Practitioner',
  'PractitionerRole',
  'alltriageteams',
  'attach',
  'attachment',
  'exchange',
  'inbox',
  'media',
  'message',
  'messages',
  'messagesforthread',
  'outbox',
  'patients',
  'personnel',
  'pools',
  'presigned-url',
  'recipient-access',
  'reply',
  'session',
  'status',
  'token',
  'versions',
]);

/**
 * A URL as a span may show it: from the first word that is known, ids as `{id}`, no query. URLs hold
 * ids of patients and, in a search of FHIR, the ICN.
 */
export function urlTemplate(url: string): string {
  const segments = (URL.parse(url)?.pathname ?? '').split('/').filter((segment) => segment !== '');
  const first = segments.findIndex((segment) => PATH_WORDS.has(segment));
  if (first < 0) return '/{path}';
  const known = segments.slice(first).map((one) => (PATH_WORDS.has(one) ? one : '{id}'));
  return `/${known.join('/')}`;
}
