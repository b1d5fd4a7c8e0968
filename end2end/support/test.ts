// What every scenario starts from: `portal` (one per worker), `page` signed in, and `accessible` for a check by axe.
import AxeBuilder from '@axe-core/playwright';
import { type Page, test as base, expect } from '@playwright/test';
import { Portal } from './portal.js';

export { expect };

export const test = base.extend<{ signedIn: Page }, { portal: Portal }>({
  portal: [
    // Playwright reads the names of the fixtures wanted from the braces.
    async ({}, use) => {
      const portal = await Portal.start();
      await use(portal);
      await portal.stop();
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  baseURL: async ({ portal }, use) => use(portal.url),
  signedIn: async ({ page, portal }, use) => {
    await signIn(page, await portal.freshLink());
    await use(page);
  },
});

/** Opens a sign-in link, and presses the button where the page asks for one. */
export async function signIn(page: Page, link: string): Promise<void> {
  await page.goto(link);
  const button = page.getByRole('button', { name: /sign in|continue/i });
  if (await button.isVisible()) await button.click();
  await expect(page).not.toHaveURL(/sign-in|link/);
}

/** Waits until the browser's half has taken over and the event stream is open. (Never for `networkidle`: the stream stays open.) */
export async function live(page: Page): Promise<void> {
  await expect(page.locator('.live')).toHaveText(/^Live/);
}

/** Marks the document; [`sameDocument`] says whether it is still the same: nothing was loaded anew since. */
export async function mark(page: Page): Promise<void> {
  await page.evaluate(() => document.documentElement.setAttribute('data-marked', ''));
}

export async function sameDocument(page: Page): Promise<void> {
  await expect(page.locator('html[data-marked]'), 'the page was loaded anew').toHaveCount(1);
}

/** Nothing for axe to complain about, in the WCAG 2.2 AA rules. */
export async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  const found = violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map((node) => node.target.join(' ')) }));
  expect(found).toEqual([]);
}
