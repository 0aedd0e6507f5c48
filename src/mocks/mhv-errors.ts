/** MHV's table of error codes, and an error as JSON or XML. */
import { type Answer, Refusal } from './answer.ts';

const messages: Record<number, string> = {
  99: 'Unknown application error occurred',
  100: 'Message body cannot be blank',
  101: 'Application authentication failed',
  102: 'Application authorization failed',
  103: 'Invalid User Credentials',
  104: 'Missing User Credentials',
  105: 'User Not Found',
  106: 'User is blocked',
  107: 'Unable to create session token',
  108: 'Missing session token',
  109: 'Invalid session token',
  110: 'Expired session token',
  111: 'Invalid user type for resource',
  112: 'User is not owner of entity',
  113: 'Unable to read attachment',
  114: 'Unable to move message',
  115: 'Entity not found',
  117: 'Data integrity error',
  119: 'Triage team does not exist',
  122: 'Attachment type not supported',
  123: 'Filename missing',
  124: 'Attachment too large',
  128: 'Message to send is not a draft',
  129: 'No longer associated with the triage team',
  130: 'Message replied to has expired',
  131: 'Cannot reply to a draft',
  132: 'Missing application token',
  135: 'Terms not accepted or not opted in',
  900: 'Mailbox Service Error',
  901: 'Authentication Service Error',
  902: 'Triage Group Service Error',
  903: 'Send Message Service Error',
  904: 'Message Service Error',
};

interface ErrorDetails {
  status?: number;
  format?: 'json' | 'xml';
  developerMessage?: string;
}

/**
 * An error of the table. The status is 400 unless told, as published, but 500 for code 99, as recorded.
 * The body is JSON unless told, but XML for code 110: that is how it was recorded, whatever was asked.
 */
export function mhvError(errorCode: number, details: ErrorDetails = {}): Answer {
  const status = details.status ?? (errorCode === 99 ? 500 : 400);
  const developerMessage = details.developerMessage ?? '';
  const message = messages[errorCode] ?? 'Error';
  if ((details.format ?? (errorCode === 110 ? 'xml' : 'json')) === 'json') {
    const body = JSON.stringify({ errorCode, developerMessage, message });
    return { status, headers: { 'content-type': 'application/json' }, body };
  }
  const developer =
    developerMessage === ''
      ? '<developerMessage/>'
      : `<developerMessage>${escapeText(developerMessage)}</developerMessage>`;
  const body = `<Error>${developer}<errorCode>${errorCode}</errorCode><message>${escapeText(message)}</message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

/** Throws an error of the table. */
export function refuseMhv(errorCode: number, details: ErrorDetails = {}): never {
  throw new Refusal(mhvError(errorCode, details));
}

/** Throws what MHV would answer to a body that does not fit: code 99 on status 400. */
export function refuseField(developerMessage: string): never {
  return refuseMhv(99, { status: 400, developerMessage });
}

/** Escapes `&`, `<`, `>` and quotes, as MHV does with text that it returns. */
export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
