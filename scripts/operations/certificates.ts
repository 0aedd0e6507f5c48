/** Our own certificates: how long they last. */
import type { Config } from '../../src/config.ts';
import { certificateEnd, readTlsFiles, type TlsOwner } from '../../src/tls-files.ts';
import { counted, type Finding, lasting } from './finding.ts';

const DAY_MS = 86_400_000;
const LOOK_MS = 30 * DAY_MS;

const NAMES: Record<TlsOwner, string> = {
  TLS: 'our certificate',
  MHV_TLS: 'our certificate to MHV',
  OH_TLS: 'our certificate to OH',
};

/** One for each certificate that is configured; `parseConfig` has found the files to be good. */
export function certificateFindings(config: Config, now: number): Finding[] {
  return (['TLS', 'MHV_TLS', 'OH_TLS'] as const).flatMap((owner) => {
    const { cert } = readTlsFiles(config, owner).files;
    return cert === undefined ? [] : [findingOf(owner, certificateEnd(cert) - now)];
  });
}

function findingOf(owner: TlsOwner, leftMs: number): Finding {
  const name = NAMES[owner];
  const next = `put a new one at ${owner}_CERT_FILE, then ${owner === 'TLS' ? 'SIGHUP' : 'a restart'}`;
  if (leftMs <= 0) return { name, level: 'bad', found: `ended ${lasting(-leftMs)} ago`, next };
  const found = `good for ${counted(Math.floor(leftMs / DAY_MS), 'more day')}`;
  return leftMs < LOOK_MS ? { name, level: 'look', found, next } : { name, level: 'ok', found };
}
