import { expect, test } from 'bun:test';
import { join } from 'node:path';

test('a migration survives a kill while a feed pushes: nothing missing, doubled or out of order', async () => {
  const script = join(import.meta.dir, '..', '..', 'scripts/migration-trial.ts');
  const size = ['--patients', '8', '--messages', '25', '--kills', '1', '--live', '16'];
  const child = Bun.spawn([process.execPath, script, ...size], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  expect(out).toContain('16 live messages; reconciliation empty');
}, 60_000);
