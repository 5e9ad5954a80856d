/** The style of all pages for people; named by its hash in the policy that goes with each. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --sea: #f4f8fa; --card: #ffffff; --ink: #0f2430; --soft: #4a6272; --line: #d5e0e7;
  --deep: #0a5f80; --deep-ink: #ffffff; --code: #eef4f7; --foam: #dff0f6; --good: #1c6b45; --bad: #96410f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --sea: #0a141b; --card: #111f29; --ink: #e4eef4; --soft: #a3b8c5; --line: #24394a;
    --deep: #6fcdee; --deep-ink: #06222e; --code: #0c1821; --foam: #12303e; --good: #7fd6a8; --bad: #f0b183;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--sea); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
.wrap { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
a { color: var(--deep); text-underline-offset: .18em; }
:focus-visible { outline: 3px solid var(--deep); outline-offset: 2px; border-radius: 4px; }
header { background: linear-gradient(180deg, var(--foam), var(--sea)); padding: 2.75rem 0 .25rem; }
.brand { display: flex; align-items: center; gap: 1rem; }
.brand svg { flex: none; width: 3rem; height: 3rem; }
h1 { margin: 0; font-size: clamp(1.6rem, 4.5vw, 2.35rem); line-height: 1.15; letter-spacing: -.02em; overflow-wrap: anywhere; }
.lead { margin: .9rem 0 0; max-width: 44rem; color: var(--soft); font-size: 1.08rem; overflow-wrap: anywhere; }
.status { display: inline-flex; align-items: center; gap: .5rem; margin: 1rem 0 0; color: var(--soft); font-size: .95rem; }
.status::before { content: ""; width: .62rem; height: .62rem; border-radius: 50%; background: var(--good); }
.status.away::before { background: var(--bad); }
.endpoint {
  display: block; margin: 1.25rem 0 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-left: 5px solid var(--deep); border-radius: 10px; box-shadow: 0 6px 24px rgb(10 60 85 / .07);
}
.endpoint span { display: block; color: var(--soft); font-size: .85rem; }
.endpoint code { display: block; font-size: clamp(1rem, 3vw, 1.3rem); font-weight: 600; overflow-wrap: anywhere; user-select: all; }
code, pre { font-family: ui-monospace, SFMono-Regular, "Cascadia Code", Menlo, Consolas, monospace; }
main { padding: .5rem 0 3rem; }
section { margin-top: 2.5rem; }
h2 { margin: 0 0 .85rem; font-size: 1.25rem; letter-spacing: -.01em; }
.note { margin: 0 0 1rem; color: var(--soft); }
details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin-bottom: .55rem; }
summary { position: relative; display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .75rem; padding: .7rem 2.5rem .7rem 1rem; cursor: pointer; font-weight: 600; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::after { content: "+"; position: absolute; right: 1rem; top: .7rem; color: var(--deep); font-weight: 700; }
details[open] summary::after { content: "–"; }
summary small { color: var(--soft); font-weight: 400; font-size: .87rem; }
pre {
  margin: 0 1rem 1rem; padding: .85rem 1rem; background: var(--code); border: 1px solid var(--line); border-radius: 8px;
  overflow-x: auto; font-size: .88rem; line-height: 1.5;
}
pre code { user-select: all; }
header .links { margin: 1.25rem 0 0; }
.text, .label { margin: 0 1rem .85rem; overflow-wrap: anywhere; }
.text { white-space: pre-line; color: var(--soft); }
.label { margin-bottom: .35rem; color: var(--soft); font-size: .84rem; font-weight: 600; }
tr:target { background: var(--foam); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { width: 100%; border-collapse: collapse; font-size: .94rem; }
th, td { padding: .65rem 1rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-size: .84rem; font-weight: 600; }
td code { overflow-wrap: anywhere; }
td span { white-space: nowrap; }
.tools { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: .65rem; margin: 0; padding: 0; list-style: none; }
.tools li { padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tools code { font-weight: 600; overflow-wrap: anywhere; }
.tools p { margin: .3rem 0 0; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.links { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0; padding: 0; list-style: none; }
.links a { display: block; padding: .4rem .85rem; background: var(--card); border: 1px solid var(--line); border-radius: 999px; text-decoration: none; }
.links a:hover { border-color: var(--deep); }
footer { border-top: 1px solid var(--line); padding: 1.25rem 0 2.5rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 36rem) {
  header { padding-top: 1.75rem; }
  .brand svg { width: 2.4rem; height: 2.4rem; }
  th, td { padding: .55rem .75rem; }
  pre { margin: 0 .6rem .6rem; }
}
`;
