/** What the settings of the feed come to. There is nothing to call: OH calls us. */
import type { Config } from '../../src/config.ts';
import { counted, type Finding } from './finding.ts';

/** Says who may push to us, and how much of that is proved. */
export function feedFinding(config: Config): Finding {
  const { FEED_SECRET: secrets, FEED_TOKENS: tokens, FEED_PASSWORDS: passwords } = config;
  const needs = [
    ...(secrets.length > 0 ? [`a signature by ${counted(secrets.length, 'key')}`] : []),
    ...(tokens.length > 0 ? [counted(tokens.length, 'token')] : []),
    ...(passwords.length > 0 ? [counted(passwords.length, 'password')] : []),
  ];
  const name = 'OH feed';
  const topic = config.FEED_TOPIC === undefined ? 'any topic' : 'one topic';
  const settings = `POST /oh/feed takes ${needs.join(', ') || 'whatever comes'}; ${topic} is confirmed`;
  const found = `${settings}; whether OH pushes here can not be asked`;
  if (needs.length === 0) {
    return {
      name,
      level: 'look',
      found,
      next: 'set FEED_SECRET unless nobody else can reach this',
    };
  }
  return { name, level: 'ok', found };
}
