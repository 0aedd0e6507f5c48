/** A password from whoever types, or pipes, or set it in the environment; never from an argument. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Asked for on a terminal without showing it, else the first line of standard input; `''` when there is none. */
export async function readPassword(): Promise<string> {
  const fromEnvironment = process.env['OPERATOR_PASSWORD'];
  if (fromEnvironment) return fromEnvironment;
  const isTerminal = process.stdin.isTTY;
  if (isTerminal) process.stderr.write('Password: ');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: isTerminal });
  for await (const line of lines) {
    lines.close();
    if (isTerminal) process.stderr.write('\n');
    return line;
  }
  return '';
}
