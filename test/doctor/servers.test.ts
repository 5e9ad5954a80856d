import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../e2e/support/programs.ts';
import { SERVERS } from './servers.ts';
import { describeTable } from './table.ts';

const PACKAGES = ['sdk', 'server', 'node', 'server-legacy', 'server-everything'];

function versionOf(name: string): string {
  const file = join(REPOSITORY, 'node_modules/@modelcontextprotocol', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

describeTable({
  test: 'servers.test.ts',
  kinds: SERVERS,
  versions: `Versions of \`@modelcontextprotocol/…\`: ${PACKAGES.map((name) => `\`${name}\` ${versionOf(name)}`).join(', ')}.`,
});
