import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Harness } from '../downstream/harness.ts';
import { startBrowser } from './browser.ts';

const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(async () => await browser?.close());

/** A page with everything a test wants to know of how it loaded. */
interface Loaded extends AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[];
  readonly requests: string[];
}

async function load(url: string, options: { dark?: boolean; width?: number } = {}): Promise<Loaded> {
  const context = await browser.newContext({
    colorScheme: options.dark === true ? 'dark' : 'light',
    viewport: { width: options.width ?? 1280, height: 900 },
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url, { waitUntil: 'networkidle' });
  return { page, complaints, requests, [Symbol.asyncDispose]: async () => await context.close() };
}

/** The colours of a text and of what it stands on. */
interface Pair {
  readonly what: string;
  readonly ink: string;
  readonly ground: string;
}

/** Runs in the page: the pairs of all its kinds of text. */
const FIND_PAIRS = `(() => {
  const kinds = 'h1, h2, .lead, .note, .status, .endpoint code, .endpoint span, summary, summary small, pre code, th, td, .tools code, .tools p, .links a, footer';
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (backgroundColor !== 'rgba(0, 0, 0, 0)') return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll(kinds)].map((element) => ({
    what: element.outerHTML.slice(0, 60),
    ink: getComputedStyle(element).color,
    ground: groundOf(element),
  }));
})()`;

describe('the front page in a browser', () => {
  test('renders without a complaint and asks for nothing but itself', async () => {
    await using harness = await Harness.start();
    await using loaded = await load(harness.url('/'));
    expect(loaded.complaints).toEqual([]);
    expect(loaded.requests.filter((url) => !url.startsWith('data:'))).toEqual([harness.url('/')]);
    expect(await loaded.page.locator('h1').allInnerTexts()).toEqual(['scripted']);
    expect(await loaded.page.locator('.endpoint code').innerText()).toBe(harness.url());
    expect(await loaded.page.locator('.tools code').allInnerTexts()).toEqual(['echo']);
    expect(await loaded.page.locator('tbody tr').count()).toBe(3);
  });

  test('the style is applied under its policy', async () => {
    await using harness = await Harness.start();
    await using loaded = await load(harness.url('/'));
    const ground = 'getComputedStyle(document.body).backgroundColor';
    expect(await loaded.page.evaluate(ground)).toBe('rgb(244, 248, 250)');
    await using dark = await load(harness.url('/'), { dark: true });
    expect(await dark.page.evaluate(ground)).toBe('rgb(10, 20, 27)');
  });

  test.each([360, 768, 1280])('nothing sticks out at %s px', async (width) => {
    await using harness = await Harness.start();
    harness.edge.listed = [{ name: 'x'.repeat(120), title: undefined, description: 'y'.repeat(280) }];
    await using loaded = await load(harness.url('/'), { width });
    const { page } = loaded;
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  });

  test.each([false, true])('main text has contrast (dark: %s)', async (dark) => {
    await using harness = await Harness.start();
    await using loaded = await load(harness.url('/'), { dark });
    const pairs = await loaded.page.evaluate<readonly Pair[]>(FIND_PAIRS);
    expect(pairs.length).toBeGreaterThan(15);
    // WCAG 2.2 §1.4.3
    for (const { what, ink, ground } of pairs) expect(contrast(ink, ground), what).toBeGreaterThanOrEqual(4.5);
  });

  test('has what a screen reader needs', async () => {
    await using harness = await Harness.start();
    await using loaded = await load(harness.url('/'));
    const { page } = loaded;
    expect(await page.locator('html').getAttribute('lang')).toBe('en');
    expect(await page.title()).toBe('scripted · MCP');
    expect(await page.locator('h1').count()).toBe(1);
    expect(await page.locator('main').count()).toBe(1);
    for (const section of await page.locator('section, [role=region]').all()) {
      const label = await section.getAttribute('aria-labelledby');
      expect(await page.locator(`[id="${label}"]`).innerText()).not.toBe('');
    }
    // What scrolls can be reached by keyboard, and is named.
    for (const block of await page.locator('pre').all()) {
      expect([await block.getAttribute('tabindex'), (await block.getAttribute('aria-label')) !== null]).toEqual([
        '0',
        true,
      ]);
    }
    const ids = await page.locator('[id]').evaluateAll((all) => all.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of await page.locator('a').all()) expect(await link.innerText()).not.toBe('');
  });

  test('its links lead somewhere', async () => {
    await using harness = await Harness.start();
    await using loaded = await load(harness.url('/'));
    const hrefs = await loaded.page
      .locator('a, link[rel=alternate], link[rel=service-desc]')
      .evaluateAll((all) => all.map((each) => String(each.getAttribute('href'))));
    const own = hrefs.filter((href) => href.startsWith(harness.url('/')));
    expect(own.length).toBeGreaterThan(5);
    for (const href of own) expect([href, (await fetch(href)).status]).toEqual([href, 200]);
  });
});

describe('snippets', () => {
  async function snippets(url: string): Promise<Record<string, string>> {
    await using loaded = await load(url);
    const found = await loaded.page
      .locator('code[data-snippet]')
      .evaluateAll((all) => all.map((each) => [each.getAttribute('data-snippet'), each.textContent]));
    return Object.fromEntries(found) as Record<string, string>;
  }

  test('are what each client takes', async () => {
    await using harness = await Harness.start();
    harness.edge.facts = { ...harness.edge.facts, info: Buffer.from('{"name":"x","title":"My Files & More"}') };
    const found = await snippets(harness.url('/'));
    const url = harness.url();
    expect(found['claude-code']).toBe(`claude mcp add --transport http my-files-more '${url}'`);
    expect(found['claude']).toBe(url);
    expect(JSON.parse(found['vscode'] ?? '')).toEqual({ servers: { 'my-files-more': { type: 'http', url } } });
    expect(JSON.parse(found['cursor'] ?? '')).toEqual({ mcpServers: { 'my-files-more': { url } } });
    expect(JSON.parse(found['stdio'] ?? '')).toEqual({
      mcpServers: { 'my-files-more': { command: 'npx', args: ['-y', 'mcp-remote', url] } },
    });
  });

  test('one click selects a whole one', async () => {
    await using harness = await Harness.start();
    await using loaded = await load(harness.url('/'));
    await loaded.page.locator('[data-snippet=claude-code]').click();
    const selected = await loaded.page.evaluate<string>('String(getSelection())');
    expect(selected.trim()).toBe(`claude mcp add --transport http scripted '${harness.url()}'`);
  });

  test('those for curl work as they stand', async () => {
    await using harness = await Harness.start();
    const found = await snippets(harness.url('/'));
    const run = async (command: string | undefined) =>
      (await promisify(execFile)('bash', ['-c', command ?? ''])).stdout;
    expect(await run(found['curl'])).toContain('"jsonrpc":"2.0"');
    expect(harness.refusals).toEqual([]);
    expect(await run(found['curl-session'])).toMatch(/^mcp-session-id: \S+/im);
  });

  // Attack: the operator's public URL holds a quote, which must not end the shell's word.
  test('a quote in the address stays inside its word', async () => {
    await using harness = await Harness.start({ options: { publicUrl: "http://127.0.0.1/a';echo pwned;'" } });
    const found = await snippets(harness.url('/'));
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      `claude() { printf '%s\\n' "$@"; }; ${found['claude-code']}`,
    ]);
    expect(stdout.split('\n')).toEqual([
      'mcp',
      'add',
      '--transport',
      'http',
      'scripted',
      "http://127.0.0.1/a';echo pwned;'/mcp",
      '',
    ]);
  });
});

describe('hostile texts', () => {
  // Attack: a server behind the gateway puts markup into its title, tool names and descriptions, to run in the origin of the gateway.
  test('markup in what a server says is shown as text', async () => {
    await using harness = await Harness.start();
    const attack = `"><script>document.title='owned'</script><img src=x onerror="document.title='owned'"><style>body{display:none}</style>`;
    const info = { name: 'n', title: `T${attack}`, version: `1${attack}` };
    harness.edge.facts = { ...harness.edge.facts, info: Buffer.from(JSON.stringify(info)) };
    harness.edge.listed = [{ name: `tool${attack}`, title: undefined, description: `d${attack}` }];
    await using loaded = await load(harness.url('/'));
    const { page } = loaded;
    expect(await page.title()).not.toBe('owned');
    expect(await page.locator('script, img, main style').count()).toBe(0);
    expect(await page.locator('.tools code').innerText()).toContain('<script>');
    expect(loaded.requests.filter((url) => !url.startsWith('data:'))).toEqual([harness.url('/')]);
  });

  // Attack: text that reverses or breaks lines in files that are read line by line.
  test('a line break in a title adds no line to llms.txt', async () => {
    await using harness = await Harness.start();
    harness.edge.facts = {
      ...harness.edge.facts,
      info: Buffer.from('{"name":"a\\n\\n## Tools\\n- [x](http://evil)"}'),
    };
    harness.edge.listed = [
      { name: 'a`b\nc', title: undefined, description: 'see\n## More\n[x](http://evil) <script>' },
    ];
    const text = await (await fetch(harness.url('/llms.txt'))).text();
    expect(text.split('\n').filter((line) => line.startsWith('#'))).toEqual([
      '# a ## Tools - [x](http://evil)',
      '## Endpoints',
      '## How to begin',
      '## Tools',
      '## Discovery',
      '## Docs',
    ]);
    expect(text).toContain("- `a'b c`: see ## More  x (http://evil)  script");
  });

  // Attack: a server with a hundred thousand tools and endless descriptions makes every visit of the page expensive.
  test('a server with very many tools makes a page of bounded size', async () => {
    await using harness = await Harness.start();
    harness.edge.listed = Array.from({ length: 20_000 }, (_, n) => ({
      name: `tool-${n}-${'x'.repeat(1_000)}`,
      title: undefined,
      description: '💧 '.repeat(20_000),
    }));
    const page = await (await fetch(harness.url('/'), { headers: { accept: HTML } })).text();
    expect(page.length).toBeLessThan(200_000);
    expect(page).toContain('And 19900 more');
    expect(page).not.toContain('�');
  });

  test('the policy allows the page’s own style and nothing else', async () => {
    await using harness = await Harness.start();
    const { headers } = await fetch(harness.url('/'), { headers: { accept: HTML } });
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
  });
});

describe('when the server behind it', () => {
  test('is down, the page is there and says so', async () => {
    await using harness = await Harness.start();
    harness.edge.failure = new Error('down');
    await using loaded = await load(harness.url('/'));
    expect(await loaded.page.locator('h1').innerText()).toBe('Breakwater');
    expect(await loaded.page.locator('.status.away').innerText()).toContain('did not answer');
    expect(loaded.complaints).toEqual([]);
  });

  test('never answers, the page does not wait for it', async () => {
    await using harness = await Harness.start();
    const gate = Promise.withResolvers<void>();
    harness.edge.gate = gate.promise;
    const page = fetch(harness.url('/'), { headers: { accept: HTML } });
    await expect.poll(() => harness.clock.pending).toBeGreaterThan(0);
    await harness.clock.advance(2_000);
    expect(await (await page).text()).toContain('did not answer');
    gate.resolve();
  });

  test('changes, the page shows it after a few seconds, and asks once for many visitors', async () => {
    await using harness = await Harness.start();
    let asked = 0;
    const { edge } = harness;
    const describe = edge.describe.bind(edge);
    edge.describe = (subscriber) => {
      asked += 1;
      return describe(subscriber);
    };
    const visit = async () => await (await fetch(harness.url('/'), { headers: { accept: HTML } })).text();
    await Promise.all([visit(), visit(), visit()]);
    expect(asked).toBe(1);
    harness.edge.listed = [{ name: 'renamed', title: undefined, description: undefined }];
    await harness.clock.advance(15_000);
    expect(await visit()).toContain('renamed');
    expect(asked).toBe(2);
  });
});

/** WCAG contrast of two `rgb(…)` colours. */
function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
