import { readAnnouncement, startChild, stopAll } from '../../bench/child.ts';
import { startGateway } from '../../bench/memory/measured-process.ts';
import { sendClients } from './fleet-of-clients.ts';
import { readFileSync } from 'node:fs';
const up = startChild({ args: ['/work/main/bench/upstream.ts'], core: 1 });
const u = await readAnnouncement(up);
if (process.env.GWOPT) process.env.NODE_OPTIONS = process.env.GWOPT;
const g = await startGateway(u, { sessions: { idle: '1s', ephemeralIdle: '500ms', handshake: '500ms' }, timeouts: { read: '1s', write: '1s', heartbeat: '500ms' }, limits: { sessions: 50_000, sessionsPerPrincipal: 50_000 } }, 0);
delete process.env.NODE_OPTIONS;
const heapKb = () => Number(/Rss:\s+(\d+)/.exec(readFileSync(`/proc/${g.pid}/smaps`, 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/).find(b => b.includes('[heap]')) ?? '')?.[1]);
for (let i = 0; i < Number(process.argv[2]); i++) {
  const t0 = Date.now();
  const t = await sendClients(g.url, {sessions: Number(process.argv[3]), ms: 60000}, 24);
  const dt = Date.now() - t0;
  await new Promise(r => setTimeout(r, 2500));
  const r = await g.read();
  const m = (n: number) => (n / 2 ** 20).toFixed(0);
  console.log(i, t.sessions, Math.round(dt), 'rss', m(r.rssBytes), 'heap', m(r.heapBytes), 'ext', m(r.externalBytes), 'malloc-heap', (heapKb()/1024).toFixed(0));
}
await new Promise(r => setTimeout(r, 12000));
const r = await g.read(); console.log('later rss', (r.rssBytes/2**20).toFixed(0));
await stopAll(); process.exit(0);
