import type { Persona } from '../persona.ts';

/** C32: reads HEAD alone. */
export const skillsIndex: Persona = {
  id: 'skills-index',
  title: 'xaa-skills-index/0.1 (Zenity)',
  group: 'later',
  who: 'An index that sends HEAD and takes 405 for “transport unavailable”.',
  evidence: 'field notes C32, access log; §A.4.11',
  fix: 'Answer HEAD on the endpoint with 200, fast and without a body.',
  agent: 'xaa-skills-index/0.1 (+https://github.com/zenitysec/xaa)',
  script: async (wire) => {
    const sse = await wire.send({ method: 'HEAD', path: wire.under('/sse'), accept: '*/*' });
    wire.remark(sse.ok, `HEAD ${wire.under('/sse')} was answered ${sse.describe()}.`);
    await wire.get('/.well-known/xaa.json');
    const head = await wire.send({ method: 'HEAD', accept: '*/*' });
    wire.need(head, head.ok, 'HEAD is answered 200');
    return wire.gotIn('HEAD was answered 200.', head);
  },
};
