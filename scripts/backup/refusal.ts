/** How backup and restore end when they refuse. */
import { FileRefusal } from '../../src/store/upkeep-backup.ts';

/** Statuses of sysexits.h. */
const statuses: Record<FileRefusal['code'], number> = {
  damaged: 65,
  'unknown-version': 65,
  missing: 66,
  exists: 73,
  'in-use': 75,
};

/** Ends the program with the refusal's status and its one line; anything else is thrown on. */
export function endWith(error: unknown): never {
  if (!(error instanceof FileRefusal)) throw error;
  console.error(error.message);
  process.exit(statuses[error.code]);
}
