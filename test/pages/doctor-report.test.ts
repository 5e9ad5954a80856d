import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PERSONAS } from '../../packages/breakwater/src/doctor/personas/catalogue.ts';
import { type Report, scoreOf } from '../../packages/breakwater/src/doctor/report.ts';
import { renderHtml } from '../../packages/breakwater/src/doctor/report-html.ts';
import { examineFast } from '../doctor/examine.ts';
import { listen, SERVERS } from '../doctor/servers.ts';
import { startBrowser } from './browser.ts';

/** What a hostile server would like the page to do. */
const EVIL = `</pre></style><script>document.title='owned'</script><img src=x onerror="document.title='owned'"><a href="javascript:alert(1)">x</a><style>body{display:none}</style>"' onclick="x" <!-- \u202e\u0000\u001b[31m &lt;b&gt;`;

let browser: Browser;
let folder: string;
let report: Report;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'breakwater-report-'));
  browser = await startBrowser();
  const kind = SERVERS.find(({ name }) => name === 'SDK v1, sessions');
  if (kind === undefined) throw new Error('no server of SDK v1');
  await using server = await kind.start();
  report = await examineFast(server.url);
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true });
});

interface Loaded extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the console. */
  readonly complaints: string[];
  readonly requests: string[];
}

async function load(html: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Loaded> {
  const path = join(folder, 'report.html');
  await writeFile(path, html);
  const context: BrowserContext = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(path).href);
  return { page, complaints, requests, [Symbol.asyncDispose]: () => context.close() };
}

describe('the HTML report in a browser', () => {
  it('shows grade, counts, every client, and asks nobody for anything', async () => {
    await using loaded = await load(renderHtml(report));
    const { page, complaints, requests } = loaded;
    const { grade, stuck } = scoreOf(report);
    expect(await page.locator('.grade').innerText()).toBe(grade);
    expect(await page.locator('.filter').innerText()).toContain(`${stuck} stuck`);
    expect(await page.locator('.group > details').count()).toBe(report.played.length);
    expect(await page.locator('.skipped').innerText()).toContain('audience');
    expect(complaints).toEqual([]);
    expect(requests).toEqual([page.url()]);
  });

  it('opens a row on its verdict, its fix, its evidence and the exchange that decided', async () => {
    await using loaded = await load(renderHtml(report));
    const { page } = loaded;
    const played = report.played.find(({ id }) => id === 'smolagents');
    const row = page.locator('#smolagents');
    const fix = row.locator('.fix');
    expect(await fix.isVisible()).toBe(false);
    await row.locator('> summary').click();
    expect(await fix.innerText()).toBe(played?.fix);
    expect(await row.locator('dl').innerText()).toContain(played?.evidence);
    const decided = row.locator('.exchange[open]');
    expect(await decided.innerText()).toContain('Decided by');
    expect(await decided.locator('pre').first().innerText()).toContain('GET http://');
    await row.locator('> summary').focus();
    await page.keyboard.press('Enter');
    expect(await fix.isVisible()).toBe(false);
  });

  it.each(['in', 'told', 'stuck', 'all'] as const)('narrows to %s without a script', async (filter) => {
    await using loaded = await load(renderHtml(report), { javaScriptEnabled: false });
    const { page } = loaded;
    await page.locator(`label:has(#show-${filter})`).click();
    const shown: string[] = [];
    for (const row of await page.locator('.group > details').all()) {
      if (await row.isVisible()) shown.push((await row.getAttribute('id')) ?? '');
    }
    const wanted = report.played.filter(({ outcome }) => filter === 'all' || outcome === filter).map(({ id }) => id);
    expect(shown.sort()).toEqual(wanted.sort());
    // A heading over nothing would say that a group is empty.
    for (const group of await page.locator('.group:visible').all())
      expect(await group.locator('> details:visible').count()).toBeGreaterThan(0);
  });

  it('names what would help most, with those it would help', async () => {
    await using loaded = await load(renderHtml(report));
    const first = loaded.page.locator('.needs li').first();
    const count = Number(await first.locator('b').innerText());
    const needs = Map.groupBy(
      report.played.filter(({ needed }) => needed !== undefined),
      ({ needed }) => needed,
    );
    expect(count).toBe(Math.max(...[...needs.values()].map(({ length }) => length)));
    expect((await first.locator('.who').innerText()).length).toBeGreaterThan(5);
  });

  it.each(['light', 'dark'] as const)('can be read in a %s room', async (colorScheme) => {
    await using loaded = await load(renderHtml(report), { colorScheme });
    const { page } = loaded;
    await page.locator('.group > .is-stuck > summary').first().click();
    const pairs = await page.evaluate<readonly (readonly [what: string, ink: string, ground: string])[]>(FIND_PAIRS);
    expect(pairs.length).toBeGreaterThan(15);
    const dim = pairs.filter(([, ink, ground]) => contrast(ink, ground) < 4.5);
    expect(dim).toEqual([]);
    const [, , ground = ''] = pairs.find(([what]) => what.startsWith('<h1')) ?? [];
    expect(luminance(ground) > 0.5).toBe(colorScheme === 'light');
  });

  it.each([360, 768, 1440])('fits a window of %i pixels', async (width) => {
    await using loaded = await load(renderHtml(report), { viewport: { width, height: 800 } });
    const { page } = loaded;
    for (const row of (await page.locator('.group > details > summary').all()).slice(0, 12)) await row.click();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  });

  // Attack: a server under examination puts markup into every place whose text reaches the page.
  it('shows what a hostile server says as text', async () => {
    await using server = await listen((_, response) => {
      response.writeHead(400, { 'content-type': 'application/json', 'x-evil': EVIL.replaceAll(/[^\x20-\x7e]/g, '') });
      response.end(
        JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: EVIL, message: EVIL, data: { supported: [EVIL] } } }),
      );
    });
    const examined = await examineFast(server.url, PERSONAS.slice(0, 12));
    const [first] = examined.played;
    if (first === undefined) throw new Error('nobody played');
    // And the places that no server reaches today.
    const all = {
      id: EVIL,
      title: EVIL,
      who: EVIL,
      evidence: EVIL,
      reason: EVIL,
      needed: EVIL,
      fix: EVIL,
      remarks: [EVIL],
    };
    const hostile: Report = {
      ...examined,
      version: EVIL,
      startedAt: EVIL,
      target: `http://h/${EVIL}`,
      played: [...examined.played, { ...first, ...all, outcome: 'stuck' }],
      notPlayed: [{ id: EVIL, title: EVIL, reason: EVIL }],
    };
    await using loaded = await load(renderHtml(hostile));
    const { page, complaints, requests } = loaded;
    for (const row of await page.locator('details > summary').all()) if (await row.isVisible()) await row.click();
    expect(await page.title()).not.toBe('owned');
    expect(await page.locator('script, img, a, iframe, object, link, form, svg').count()).toBe(0);
    expect(await page.locator('style').count()).toBe(1);
    expect(
      await page.evaluate<number>(
        `[...document.querySelectorAll('*')].flatMap((each) => [...each.attributes]).filter(({ name }) => /^on|^href$|^src$|^style$/.test(name) && !name.startsWith('style')).length`,
      ),
    ).toBe(0);
    expect(await page.locator('main').isVisible()).toBe(true);
    expect(await page.locator('body').innerText()).toContain('onerror=');
    expect(complaints).toEqual([]);
    expect(requests).toEqual([page.url()]);
  });
});

/** Runs in the page: texts with their colour and what they stand on. */
const FIND_PAIRS = `(() => {
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (backgroundColor !== 'rgba(0, 0, 0, 0)') return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const kinds = 'footer, h1, h2, h2 small, .over, .said, .grade span, .filter span, .filter b, .needs p, .needs b, .chip, .name, .why, dt, dd, pre, .exchange summary, .exchange small, .more, .skipped';
  return [...document.querySelectorAll(kinds)].filter((each) => each.checkVisibility()).map((element) => [element.outerHTML.slice(0, 60), getComputedStyle(element).color, groundOf(element)]);
})()`;

function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(ink: string, ground: string): number {
  const [light = 0, dark = 0] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}
