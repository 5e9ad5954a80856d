import type { Persona } from '../persona.ts';
import { watch } from '../siege.ts';

const SECRETS = ['/.env', '/.aws/credentials', '/.git/config', '/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php'];
/** The first bytes of a TLS ClientHello. */
const CLIENT_HELLO = Buffer.from('16030100a5010000a10303', 'hex');

/** C44: looks for secrets and speaks the wrong protocol. */
export const secretScanner: Persona = {
  id: 'secret-scanner',
  title: 'Scanners of the open internet',
  group: 'hostile',
  who: 'Asks for .env files and shells, sends PROPFIND, and speaks TLS to whatever port is open.',
  evidence: 'field notes C44, access log (5.255.116.27, 80.94.95.211, libredtail)',
  fix: 'Answer with 4xx, and do not let bytes that are no HTTP break anything.',
  agent: 'libredtail-http',
  script: async (wire) => {
    const stillServes = await watch(wire);
    for (const path of SECRETS) {
      const answer = await wire.get(path);
      const isSecret =
        answer.ok && !answer.isStream && !/^\s*[<{]/.test(answer.text) && /(=|\[default\]|\[core\])/.test(answer.text);
      wire.need(answer, !isSecret && answer.status < 500, `${path} is refused`);
    }
    const dav = await wire.send({ method: 'PROPFIND', path: '/', accept: '*/*' });
    wire.need(dav, dav.status > 0 && dav.status < 500, 'PROPFIND is answered, and is no internal error');
    const tls = await wire.raw({
      label: 'TLS on a plain port',
      chunks: [CLIENT_HELLO],
      shown: '16 03 01 00 a5 01 00 00 a1 03 03',
      halfClose: true,
    });
    wire.remark(tls.closed || tls.first !== undefined, 'TLS bytes were neither answered nor cut.');
    await stillServes();
    return wire.gotIn('Nothing was given away, and the next client was served.', dav);
  },
};
