/**
 * What MHV's error codes ask an exchange to do:
 *
 * - `permanent`: trying again can't help;
 * - `configuration`: trying again helps once somebody has corrected our credentials;
 * - `new-session`: the patient's session must be opened anew, once;
 * - `retry`: refused before anything happened;
 * - `unsure`: a service behind MHV failed, so a write may have happened all the same.
 */
export type ErrorAction = 'permanent' | 'configuration' | 'new-session' | 'retry' | 'unsure';

export interface ErrorCode {
  meaning: string;
  action: ErrorAction;
}

const rows: [number, ErrorAction, string][] = [
  [99, 'unsure', 'unknown application error'],
  [100, 'permanent', 'the body is blank'],
  [101, 'configuration', 'our application token is not accepted'],
  [102, 'configuration', 'our application is not authorised'],
  [103, 'permanent', 'the user credentials are invalid'],
  [104, 'permanent', 'the user credentials are missing'],
  [105, 'permanent', 'the user is unknown; the MHV correlation id may be wrong'],
  [106, 'permanent', 'the user is blocked'],
  [107, 'retry', 'no session token could be made'],
  [108, 'new-session', 'the session token is missing'],
  [109, 'new-session', 'the session token is invalid'],
  [110, 'new-session', 'the session token has expired'],
  [111, 'permanent', 'this type of user may not use the resource'],
  [112, 'permanent', 'the caller does not own the entity'],
  [113, 'permanent', 'an attachment could not be read'],
  [114, 'permanent', 'the message could not be moved'],
  [115, 'permanent', 'the entity was not found'],
  [116, 'permanent', 'the folder is not empty'],
  [117, 'permanent', 'data integrity problem, perhaps a duplicate'],
  [118, 'permanent', 'nothing can be moved out of drafts'],
  [119, 'permanent', 'the triage team does not exist'],
  [120, 'permanent', 'the page number is not positive'],
  [121, 'permanent', 'the page size is not positive'],
  [122, 'permanent', 'the type of an attachment is not supported'],
  [123, 'permanent', 'the file name of an attachment is missing'],
  [124, 'permanent', 'an attachment is too large'],
  [125, 'permanent', 'the folder name is missing'],
  [126, 'permanent', 'the folder name is taken'],
  [127, 'permanent', 'the folder name has characters that are not allowed'],
  [128, 'permanent', 'the message to send is not a draft'],
  [129, 'permanent', 'the patient is no longer associated with the triage team'],
  [130, 'permanent', 'the message replied to has expired'],
  [131, 'permanent', 'a draft cannot be replied to'],
  [132, 'configuration', 'our application token is missing'],
  [133, 'permanent', 'the page size is over the limit'],
  [134, 'permanent', 'the message to save is not a draft'],
  [135, 'permanent', 'the patient has not accepted the terms or not opted in'],
  [900, 'unsure', 'the mailbox service failed'],
  [901, 'retry', 'the authentication service failed'],
  [902, 'unsure', 'the triage group service failed'],
  [903, 'unsure', 'the service that sends messages failed'],
  [904, 'unsure', 'the message service failed'],
];

const byCode = new Map(rows.map(([code, action, meaning]) => [code, { action, meaning }]));

/**
 * What the code means and asks for; undefined when it is not in the published table. 904 is permanent
 * when MHV names the message as not found (`messageNotFound`), and otherwise a failed service.
 */
export function errorCodeOf(code: number, messageNotFound: boolean): ErrorCode | undefined {
  if (code === 904 && messageNotFound) {
    return { action: 'permanent', meaning: 'the message was not found' };
  }
  return byCode.get(code);
}
