import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core';
import { PATIENCE_MS } from './process.ts';

/** A page of a real Chromium, and what it did. */
export interface BrowserPage {
  readonly page: Page;
  /** Everything that the console showed as a warning or an error, and every exception. */
  readonly complaints: readonly string[];
  /** The addresses of all requests. */
  readonly requests: readonly string[];
}

/** Debian's; it says nothing to anybody by itself. */
const OPTIONS = {
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
  timeout: 3 * PATIENCE_MS,
};

/** Starts Chromium. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch(OPTIONS);
}

/** Opens a page in a profile of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<BrowserPage> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['warning', 'error'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  return { page, complaints, requests };
}

/** The text of an element as people see it: with the gaps of the layout, without what is hidden. */
export function rendered(locator: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: textContent knows nothing of layout
  return locator.evaluate((element) => (element as unknown as { innerText: string }).innerText);
}
