import { PEER_PACKAGES, PEERS } from './peers.ts';
import { describeTable } from './table.ts';

const VERSIONS = Object.entries(PEER_PACKAGES).map(([name, version]) => `\`${name}\` ${version}`);

describeTable({
  test: 'peers.test.ts',
  kinds: PEERS,
  versions: `Versions: ${VERSIONS.join(', ')}; the two bridges stand before the stdio server of server-everything.`,
});
