import { isObject } from '../../protocol/capabilities.ts';
import { open } from '../flows.ts';
import type { Persona } from '../persona.ts';

const PLACES = ['/authorize', '/consent', '/callback', '/login'];

/** C31: an OAuth scanner. */
export const mitmcp: Persona = {
  id: 'mitmcp',
  title: 'mitmcp-scan',
  group: 'later',
  who: 'An OAuth security scanner: HEAD on login paths and the protected-resource metadata. No trace of its details survives; these are its kin’s.',
  evidence: 'field notes C31 (thin), C22, C09; RFC 9728 §3',
  fix: 'Serve protected-resource metadata when there is auth and a JSON 404 when there is none; answer initialize, or 401 with resource_metadata.',
  agent: 'mitmcp-scan',
  script: async (wire) => {
    for (const path of PLACES) {
      const login = await wire.send({ method: 'HEAD', path, accept: '*/*' });
      wire.remark(login.status < 500 && login.status > 0, `HEAD ${path} was answered ${login.describe()}.`);
    }
    const document = await wire.get(`/.well-known/oauth-protected-resource${wire.target.path}`);
    const isLie = document.ok && !(isObject(document.json) && typeof document.json['resource'] === 'string');
    wire.remark(!isLie, 'Protected-resource metadata is served without naming a resource.');
    const { answer } = await open(wire, '2025-06-18');
    return wire.gotIn('No auth is asked for, and none is advertised wrongly.', answer);
  },
};
