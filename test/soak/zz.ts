import { readAnnouncement, startChild, stopAll } from '../../bench/child.ts';
import { startGateway } from '../../bench/memory/measured-process.ts';
import { sendClients } from './fleet-of-clients.ts';
import { readFileSync } from 'node:fs';
const up = startChild({ args: ['/work/main/bench/upstream.ts'], core: 1 });
const u = await readAnnouncement(up);
if (process.env.GWOPT) process.env.NODE_OPTIONS = process.env.GWOPT;
const g = await startGateway(u, { sessions: { idle: '1s', ephemeralIdle: '500ms', handshake: '500ms' }, timeouts: { read: '1s', write: '1s', heartbeat: '500ms' }, limits: { sessions: 50_000, sessionsPerPrincipal: 50_000 } }, 0);
delete process.env.NODE_OPTIONS;
for (let i = 0; i < Number(process.argv[2]); i++) {
  const t = await sendClients(g.url, performance.now() + 6000, 24);
  await new Promise(r => setTimeout(r, 2500));
  const r = await g.read();
  const m = (n: number) => (n / 2 ** 20).toFixed(1);
  console.log(i, t.sessions, t.refused, 'rss', m(r.rssBytes), 'heap', m(r.heapBytes), 'ext', m(r.externalBytes), 'ab', m(r.bufferBytes), 'fds', r.fds, readFileSync(`/proc/${g.pid}/smaps_rollup`, 'utf8').match(/Anonymous:\s+(\d+)/)?.[1]);
}
const maps = readFileSync(`/proc/${g.pid}/smaps`, 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/).map(b => ({ head: b.split('\n')[0]!, rss: Number(/Rss:\s+(\d+)/.exec(b)?.[1]) })).sort((a, b) => b.rss - a.rss).slice(0, 14);
for (const x of maps) console.log(x.rss, x.head);
await stopAll(); process.exit(0);
