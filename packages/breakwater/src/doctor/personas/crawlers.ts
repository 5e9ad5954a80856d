import { readDocuments } from '../flows.ts';
import type { Persona } from '../persona.ts';

/** C41 to C43: crawlers of the web. */
export const crawlers: Persona = {
  id: 'crawlers',
  title: 'GPTBot, GoogleOther, Infrawatch and other crawlers',
  group: 'later',
  who: 'Crawlers: robots.txt, the root, a double-escaped link to the endpoint, a range of a file.',
  evidence: 'field notes C41 to C43, access log',
  fix: 'Serve robots.txt and the root, or answer with JSON that names the endpoint; never 5xx, never an endless stream.',
  agent: 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)',
  script: async (wire) => {
    await wire.get('/robots.txt', { headers: [['Range', 'bytes=0-1023']] });
    const paths = ['/robots.txt', '/', `${wire.target.path}&quot`, '/.well-known/glama.json', '/favicon.ico'];
    const { used } = await readDocuments(
      wire,
      paths,
      ({ ending }) => ending === 'complete',
      'something is served to be read',
    );
    return wire.gotIn('Something was served to be read.', used[0]);
  },
};
