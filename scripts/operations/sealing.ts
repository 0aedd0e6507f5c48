/** What lies in the file under which key, and whether those that are at hand open it. */
import { type Examination, QUICK_CHECK_MAX_BYTES } from '../../src/store/examine.ts';
import { finding } from './file.ts';
import { counted, type Finding } from './finding.ts';

/** DATA_KEYS of the environment; `isOpen`: nobody else reaches the machine. */
export type KeysAtHand = { ids: string[]; isOpen: boolean } | { fault: string };

const NAME = 'sealing';
const REKEY = 'bun run rekey, in the environment of the exchange';

export async function sealingFinding(
  file: Examination,
  atHand: KeysAtHand,
  isFull: boolean,
): Promise<Finding> {
  const { bytes } = await file.file();
  if (!isFull && bytes > QUICK_CHECK_MAX_BYTES) {
    return finding(NAME, 'look', 'not counted: the file is large', 'doctor --full');
  }
  const facts = await file.sealing();
  if (!facts) return finding(NAME, 'ok', 'in the clear: of a version that knows no keys');
  const inTheClear = facts.counts.find(({ key }) => key === undefined)?.values ?? 0;
  const under = facts.counts.flatMap(({ key, values }) =>
    key === undefined ? [] : [`${counted(values, 'value')} under ${key}`],
  );
  const found = [
    ...under,
    `${inTheClear === 0 ? 'none' : counted(inTheClear, 'value')} in the clear`,
  ];
  return judged(found.join(', '), { inTheClear, needed: facts.needed }, atHand);
}

function judged(
  found: string,
  { inTheClear, needed }: { inTheClear: number; needed: string[] },
  atHand: KeysAtHand,
): Finding {
  if ('fault' in atHand) return finding(NAME, 'bad', `${found}; ${atHand.fault}`, 'set it right');
  const { ids, isOpen } = atHand;
  const [first] = ids;
  if (first === undefined && needed.length === 0) {
    if (isOpen) return finding(NAME, 'ok', `${found}: DATA_KEYS is not set`);
    const next = 'set DATA_KEYS for the exchange, start it anew, then bun run rekey';
    return finding(NAME, 'look', `${found}: DATA_KEYS is not set`, next);
  }
  const missing = first === undefined ? [] : needed.filter((id) => !ids.includes(id));
  if (missing.length > 0) {
    const next = 'put it back into DATA_KEYS: without it the exchange does not start';
    return finding(NAME, 'bad', `${found}; DATA_KEYS lacks ${missing.join(', ')}`, next);
  }
  if (inTheClear > 0) return finding(NAME, 'look', found, REKEY);
  const old = needed.filter((id) => id !== (first ?? needed.at(-1)));
  if (old.length === 0) return finding(NAME, 'ok', found);
  return finding(NAME, 'look', `${found}; needed until rekey: ${old.join(', ')}`, REKEY);
}
