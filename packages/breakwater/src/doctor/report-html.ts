import type { Exchange } from './exchange.ts';
import { GROUPS, type Group } from './persona.ts';
import { commonNeeds, outcomeWord, type PlayedPersona, type Report, type Score, scoreOf } from './report.ts';
import { REPORT_STYLE } from './report-style.ts';

/** Exchanges shown of one persona: the deciding one and those just before it. */
const SHOWN_EXCHANGES = 4;
/** Needs shown in the summary. */
const SHOWN_NEEDS = 5;
/** What the page can be narrowed to; radio buttons and style do it, without a script. */
const FILTERS = ['all', 'in', 'told', 'stuck'] as const;

/** The report as one page that needs nothing else: no script, no font, no image, no request. */
export function renderHtml(report: Report): string {
  const score = scoreOf(report);
  const host = new URL(report.target).host;
  const groups = (Object.keys(GROUPS) as Group[]).map((group) =>
    renderGroup(
      group,
      report.played.filter((each) => each.group === group),
    ),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(host)}: ${score.grade} · Breakwater doctor</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
${renderHead(report, score)}
${renderNeeds(report)}
${groups.join('\n')}
${renderNotPlayed(report)}
<footer>
<p><b>Got in</b>: the client reached its goal, as it would see it. <b>Told</b>: it was refused with JSON that names what to send instead. <b>Stuck</b>: neither. A hostile client is <b>withstood</b> when it reached nothing and the next client was served as before, and the server <b>gave way</b> otherwise. A: nobody stuck; B: 9 of 10; C: 3 of 4; D: half. A server that gave way gets no better than C.</p>
<p>Real requests by Breakwater ${escapeHtml(report.version)}, ${escapeHtml(report.startedAt.replace('T', ' ').slice(0, 16))} UTC. Secrets are hidden, session ids numbered. To repeat: <code>breakwater doctor ${escapeHtml(report.target)}</code></p>
</footer>
</main>
</body>
</html>
`;
}

function renderHead({ target, played }: Report, score: Score): string {
  const total = played.length;
  const part = (count: number): string => (total === 0 ? '0' : ((count / total) * 100).toFixed(2));
  const said =
    score.stuck === 0
      ? `All ${total} known clients got in, or were told how.`
      : `${score.stuck} of ${total} known clients ${score.stuck === 1 ? 'is' : 'are'} left stuck.`;
  return `<header>
<div class="grade g-${score.grade}"><span>${score.grade}</span></div>
<div class="head"><p class="over">Breakwater doctor</p><h1>${escapeHtml(target)}</h1><p class="said">${said}</p></div>
<div class="bar" role="img" aria-label="${score.in} in, ${score.told} told, ${score.stuck} stuck"><i class="in" style="width:${part(score.in)}%"></i><i class="told" style="width:${part(score.told)}%"></i><i class="stuck" style="width:${part(score.stuck)}%"></i></div>
<div class="filter" role="radiogroup" aria-label="Clients to show">${FILTERS.map((filter) => renderFilter(filter, score, total)).join('')}</div>
</header>`;
}

function renderFilter(filter: (typeof FILTERS)[number], score: Score, total: number): string {
  const count = filter === 'all' ? total : score[filter];
  const word = { all: 'clients', in: 'got in', told: 'told', stuck: 'stuck' }[filter];
  return `<label><input type="radio" name="show" id="show-${filter}"${filter === 'all' ? ' checked' : ''}><span><b class="${filter}">${count}</b> ${word}</span></label>`;
}

function renderNeeds(report: Report): string {
  const needs = commonNeeds(report).slice(0, SHOWN_NEEDS);
  if (needs.length === 0) return '';
  const items = needs.map(({ needed, clients }) => {
    const names = clients.map(({ title }) => title).join(', ');
    return `<li><b>${clients.length}</b><div><p>${escapeHtml(needed)}</p><p class="who">${escapeHtml(names)}</p></div></li>`;
  });
  return `<section class="needs"><h2>What would help most <small>and how many stuck clients need it</small></h2><ol>${items.join('')}</ol></section>`;
}

function renderGroup(group: Group, personas: readonly PlayedPersona[]): string {
  if (personas.length === 0) return '';
  const fine = personas.filter(({ outcome }) => outcome !== 'stuck').length;
  return `<section class="group"><h2>${GROUPS[group]} <small>${fine} of ${personas.length}</small></h2>
${personas.map(renderPersona).join('\n')}
</section>`;
}

function renderPersona(played: PlayedPersona): string {
  const { id, title, who, evidence, outcome, reason, fix, remarks, exchanges, decidedBy } = played;
  const at = exchanges.findIndex(({ n }) => n === decidedBy);
  const last = at < 0 ? exchanges.length : at + 1;
  const shown = exchanges.slice(Math.max(0, last - SHOWN_EXCHANGES), last);
  const more = exchanges.length - shown.length;
  return `<details id="${escapeHtml(id)}" class="is-${outcome}">
<summary><span class="chip ${outcome}">${outcomeWord(played)}</span><span class="name">${escapeHtml(title)}</span><span class="why">${escapeHtml(reason)}</span></summary>
<div class="body">
<p>${escapeHtml(who)}</p>
<dl><dt>Verdict</dt><dd>${escapeHtml(reason)}</dd>${fix === undefined ? '' : `<dt>Fix</dt><dd class="fix">${escapeHtml(fix)}</dd>`}${remarks.length === 0 ? '' : `<dt>Noticed</dt><dd>${remarks.map((remark) => `<p>${escapeHtml(remark)}</p>`).join('')}</dd>`}<dt>Evidence</dt><dd>${escapeHtml(evidence)}</dd></dl>
${shown.map((exchange) => renderExchange(exchange, exchange.n === decidedBy)).join('\n')}
${more > 0 ? `<p class="more">${more} more ${more === 1 ? 'exchange' : 'exchanges'} of this visit ${more === 1 ? 'is' : 'are'} in the JSON report.</p>` : ''}
</div>
</details>`;
}

function renderExchange({ n, request, response, failure, tookMs }: Exchange, decides: boolean): string {
  const sent = [
    `${request.method} ${request.url}`,
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    ...(request.body === undefined ? [] : ['', request.body]),
  ];
  const got =
    response === undefined
      ? [failure ?? 'no answer']
      : [
          `HTTP ${response.status}`,
          ...response.headers.map(([name, value]) => `${name}: ${value}`),
          ...(response.body === '' ? [] : ['', response.body]),
        ];
  return `<details class="exchange"${decides ? ' open' : ''}><summary>${decides ? '<b>Decided by</b> ' : ''}<code>#${n} ${escapeHtml(request.method)} ${escapeHtml(pathOf(request.url))}</code> → <code>${response?.status ?? escapeHtml(failure ?? '')}</code> <small>${Math.round(tookMs)} ms${response?.ending === 'left-open' ? ', stream left open' : ''}</small></summary>
<div class="wire"><pre>${escapeHtml(sent.join('\n'))}</pre><pre>${escapeHtml(got.join('\n'))}</pre></div></details>`;
}

function renderNotPlayed({ notPlayed }: Report): string {
  if (notPlayed.length === 0) return '';
  return `<section><h2>Not played</h2>${notPlayed.map(({ title, reason }) => `<p class="skipped"><b>${escapeHtml(title)}</b> ${escapeHtml(reason)}</p>`).join('')}</section>`;
}

function pathOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? url : `${parsed.pathname}${parsed.search}`;
}

// Everything in a report may come from a server that wants to be in the page: text only, never markup.
function escapeHtml(text: string): string {
  return text
    .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
