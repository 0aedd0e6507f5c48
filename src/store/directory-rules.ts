/** What a row of the directory may hold. Pure: a CSV, the API and a check ask the same questions. */

/** One name of one pool, as somebody gives it. */
export interface NewTriageGroup {
  ohPoolId: string;
  /** What patients are shown. */
  name: string;
  stationNumber: string;
  mhvTriageTeamId?: string;
  /** Whether this is the name patients are shown; a pool's only name is, unless told otherwise. */
  preferred?: boolean;
}

/** One thing wrong with one row of a list, counted from 0. */
export interface DirectoryFault {
  row: number;
  field: keyof NewTriageGroup;
  detail: string;
}

/** Longest name, in characters (code points). */
const MAX_NAME_CHARACTERS = 60;
/** Up to four characters may follow the three digits; a string, for `589GR` is one. */
export const STATION_NUMBER = '^[0-9]{3}[A-Z0-9]{0,4}$';
export const DIRECTORY_ID = '^[0-9]{1,19}$';

const details = {
  ohPoolId: 'must be up to 19 digits',
  name: `must be 1 to ${MAX_NAME_CHARACTERS} characters, without blanks at its ends and control characters`,
  stationNumber: 'must be three digits and up to four capitals or digits, such as 589GR',
  mhvTriageTeamId: 'must be up to 19 digits, or absent',
} as const;

/** Everything wrong with the rows, each by itself and all together; empty when they can be taken. */
export function directoryFaults(groups: NewTriageGroup[]): DirectoryFault[] {
  return [
    ...groups.flatMap((group, row) => faultsOfRow(group).map((fault) => ({ row, ...fault }))),
    ...repeatedNames(groups),
    ...wrongPreferences(groups),
  ].toSorted((a, b) => a.row - b.row);
}

/** A name of another system as the directory takes it: trimmed, on one line, at most 60 characters. */
export function cutName(name: string): string {
  const line = name.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return Array.from(line).slice(0, MAX_NAME_CHARACTERS).join('').trim();
}

function faultsOfRow(group: NewTriageGroup): Omit<DirectoryFault, 'row'>[] {
  const { ohPoolId, name, stationNumber, mhvTriageTeamId } = group;
  const isRight = {
    ohPoolId: new RegExp(DIRECTORY_ID).test(ohPoolId),
    name: isName(name),
    stationNumber: new RegExp(STATION_NUMBER).test(stationNumber),
    mhvTriageTeamId:
      mhvTriageTeamId === undefined || new RegExp(DIRECTORY_ID).test(mhvTriageTeamId),
  };
  return (Object.keys(details) as (keyof typeof details)[])
    .filter((field) => !isRight[field])
    .map((field) => ({ field, detail: details[field] }));
}

function isName(name: string): boolean {
  const { length } = Array.from(name);
  return (
    length >= 1 && length <= MAX_NAME_CHARACTERS && name === name.trim() && !/\p{Cc}/u.test(name)
  );
}

function repeatedNames(groups: NewTriageGroup[]): DirectoryFault[] {
  const seen = new Set<string>();
  return groups.flatMap(({ ohPoolId, name }, row): DirectoryFault[] => {
    const key = `${ohPoolId} ${name}`;
    if (seen.has(key))
      return [{ row, field: 'name', detail: 'must not be there twice for one pool' }];
    seen.add(key);
    return [];
  });
}

function wrongPreferences(groups: NewTriageGroup[]): DirectoryFault[] {
  const pools = Map.groupBy(
    groups.map((group, row) => ({ ...group, row })),
    ({ ohPoolId }) => ohPoolId,
  );
  return [...pools.values()].flatMap((names): DirectoryFault[] => {
    const preferred = names.filter((one) => one.preferred ?? names.length === 1);
    const [, second] = preferred;
    const wrong = second ?? (preferred.length === 0 ? names[0] : undefined);
    const detail = 'must be true for exactly one name of a pool';
    return wrong ? [{ row: wrong.row, field: 'preferred', detail }] : [];
  });
}
