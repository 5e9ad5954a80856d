/** The style of the HTML report; light and dark by what the reader's system prefers. */
export const REPORT_STYLE = `
:root{--bg:#f6f7f9;--card:#fff;--ink:#16202c;--soft:#5a6776;--line:#dfe4ea;--in:#15703f;--told:#1a639f;--stuck:#b52d23;--in-bg:#e3f4ea;--told-bg:#e2eff9;--stuck-bg:#fbe6e4;--code:#f0f2f5}
@media(prefers-color-scheme:dark){:root{--bg:#0f151c;--card:#172029;--ink:#e6ebf0;--soft:#93a1b0;--line:#26323e;--in:#5bcb8d;--told:#6db5ee;--stuck:#f5867c;--in-bg:#15322a;--told-bg:#162f44;--stuck-bg:#3c2122;--code:#0f161d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:960px;margin:0 auto;padding:40px 20px 60px}
header{display:grid;grid-template-columns:auto 1fr;gap:18px 22px;align-items:center;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:26px}
.grade{width:96px;height:96px;border-radius:20px;display:grid;place-items:center;color:#fff;font-size:54px;font-weight:700;line-height:1;background:#c2362b}
.g-A{background:#15703f}.g-B{background:#377d29}.g-C{background:#8f6409}.g-D{background:#a94d13}
.over{margin:0;color:var(--soft);font-size:13px;letter-spacing:.04em}
h1{margin:2px 0 4px;font-size:22px;line-height:1.25;overflow-wrap:anywhere}
.said{margin:0;color:var(--soft)}
.bar{grid-column:1/-1;display:flex;height:10px;border-radius:5px;overflow:hidden;background:var(--line);gap:2px}
.bar i.in{background:var(--in)}.bar i.told{background:var(--told)}.bar i.stuck{background:var(--stuck)}
.filter{grid-column:1/-1;display:flex;flex-wrap:wrap;gap:8px;color:var(--soft)}
.filter label{cursor:pointer}.filter input{position:absolute;opacity:0;pointer-events:none}
.filter span{display:block;padding:4px 14px 5px;border:1px solid var(--line);border-radius:99px}.filter label:hover span{border-color:var(--soft)}
.filter input:checked+span{color:var(--ink);border-color:currentColor;background:var(--code)}.filter input:focus-visible+span{outline:2px solid var(--told);outline-offset:2px}
.filter b{font-size:17px;margin-right:3px;font-variant-numeric:tabular-nums}.filter .in{color:var(--in)}.filter .told{color:var(--told)}.filter .stuck{color:var(--stuck)}
main:has(#show-in:checked) section>details:not(.is-in),main:has(#show-told:checked) section>details:not(.is-told),main:has(#show-stuck:checked) section>details:not(.is-stuck){display:none}
main:has(#show-in:checked) .group:not(:has(>.is-in)),main:has(#show-told:checked) .group:not(:has(>.is-told)),main:has(#show-stuck:checked) .group:not(:has(>.is-stuck)){display:none}
main:not(:has(#show-all:checked)) section>details{border-bottom-width:1px;border-radius:12px;margin-bottom:8px}
.needs ol{list-style:none;margin:0;padding:6px 18px;background:var(--card);border:1px solid var(--line);border-radius:12px}
.needs li{display:grid;grid-template-columns:38px 1fr;gap:10px;align-items:baseline;padding:9px 0}.needs li+li{border-top:1px solid var(--line)}
.needs b{font-size:20px;color:var(--stuck);font-variant-numeric:tabular-nums}.needs p{margin:0;overflow-wrap:anywhere}.needs .who{color:var(--soft);font-size:13.5px}
section{margin-top:34px}
h2{font-size:16px;margin:0 0 10px}h2 small{color:var(--soft);font-weight:400;margin-left:6px}
section>details{background:var(--card);border:1px solid var(--line);border-bottom-width:0}
section>details:first-of-type{border-radius:12px 12px 0 0}section>details:last-of-type{border-bottom-width:1px;border-radius:0 0 12px 12px}section>details:only-of-type{border-radius:12px}
summary{cursor:pointer;list-style:none}summary::-webkit-details-marker{display:none}
section>details>summary{display:grid;grid-template-columns:92px minmax(150px,260px) 1fr;gap:14px;align-items:baseline;padding:10px 16px}
summary:hover .name{text-decoration:underline}summary:focus-visible{outline:2px solid var(--told);outline-offset:-2px;border-radius:10px}
.chip{font-size:12.5px;font-weight:600;padding:2px 0;border-radius:99px;text-align:center}
.chip.in{color:var(--in);background:var(--in-bg)}.chip.told{color:var(--told);background:var(--told-bg)}.chip.stuck{color:var(--stuck);background:var(--stuck-bg)}
.name{font-weight:600;overflow-wrap:anywhere}
.why{color:var(--soft);white-space:nowrap;overflow:hidden;text-overflow:ellipsis;min-width:0}
details[open]>summary .why{visibility:hidden}
.body{padding:2px 16px 16px;border-top:1px solid var(--line)}
dl{display:grid;grid-template-columns:92px 1fr;gap:6px 14px;margin:0 0 14px}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}dd p{margin:0 0 2px}.fix{font-weight:600}
.exchange{border:1px solid var(--line);border-radius:8px;margin-top:8px;background:var(--code)}
.exchange summary{padding:7px 12px;font-size:13.5px;overflow-wrap:anywhere}.exchange small,.more{color:var(--soft)}.more{font-size:13.5px;margin:10px 0 0}
.wire{display:grid;grid-template-columns:1fr 1fr;border-top:1px solid var(--line)}.wire pre+pre{border-left:1px solid var(--line)}
pre,code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{margin:0;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;max-height:320px;overflow:auto;min-width:0}
.skipped{color:var(--soft);margin:4px 0}.skipped b{color:var(--ink);margin-right:6px}
footer{margin-top:40px;color:var(--soft);font-size:13.5px}footer b{color:var(--ink)}footer code{overflow-wrap:anywhere}
@media(max-width:700px){main{padding:16px 12px 40px}header{padding:18px}.grade{width:68px;height:68px;font-size:38px;border-radius:16px}h1{font-size:18px}section>details>summary{grid-template-columns:92px 1fr}.why{display:none}.wire{grid-template-columns:1fr}.wire pre+pre{border-left:0;border-top:1px solid var(--line)}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}
@media print{.filter{display:none}body{background:#fff}main{max-width:none;padding:0}}
`;
