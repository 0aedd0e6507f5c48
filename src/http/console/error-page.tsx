/** An error as a page: what it was, and what to do. */
import type { ErrorCode, ExchangeError } from '../../errors.ts';
import { Page, pageResponse } from './page.tsx';

const words: Partial<Record<ErrorCode, { title: string; advice: string }>> = {
  'not-found': {
    title: 'There is no such thing here',
    advice: 'Ids are compared character by character. Search for it, or go back to the overview.',
  },
  conflict: {
    title: 'It is not in a state for that',
    advice: 'Somebody or something was faster. Look at it again.',
  },
  forbidden: {
    title: 'You may not do that',
    advice:
      'Ask somebody who has the right to. If you have it, your login may be over: log in and try again.',
  },
  unauthorized: { title: 'You are not logged in', advice: 'Log in and try again.' },
  'method-not-allowed': {
    title: 'There is no page at this address',
    advice: 'A form leads here, not a link. Go back to the page that the form is on.',
  },
  invalid: { title: 'That could not be understood', advice: 'Go back, change it, and try again.' },
  'too-large': {
    title: 'That is too large',
    advice: 'Use the API for it, whose bounds are wider.',
  },
  'too-many-requests': { title: 'Too many tries', advice: 'Wait a little, then try again.' },
  unavailable: {
    title: 'The exchange is not available just now',
    advice: 'Nothing was changed. Load the page again in some seconds; see the log if it stays so.',
  },
};

const internal = {
  title: 'Something is wrong in the exchange',
  advice: 'The log has it as an event "bug". Nothing was shown that should not be.',
};

/** The page for one error, with its status. */
export function errorPage(error: ExchangeError): Response {
  const { code, message, httpStatus, retryAfterSeconds } = error;
  const { title, advice } = words[code] ?? internal;
  const response = pageResponse(
    <Page title={title}>
      <p class="notice bad">{message}</p>
      <p>{advice}</p>
      <p class="buttons">
        <a class="button" href="/console">
          Overview
        </a>
        {code === 'not-found' && (
          <a class="button" href="/console/messages">
            Search
          </a>
        )}
        {(code === 'unauthorized' || code === 'forbidden') && (
          <a class="button" href="/console/login">
            Log in
          </a>
        )}
      </p>
    </Page>,
    httpStatus,
  );
  if (retryAfterSeconds !== undefined) {
    response.headers.set('Retry-After', String(retryAfterSeconds));
  }
  return response;
}
