// The main job with script: everything follows by itself, nothing is loaded anew.
import { type Page } from '@playwright/test';
import { psql, writing } from '../support/clients.js';
import { accessible, expect, live, mark, sameDocument, test } from '../support/test.js';

test.describe.configure({ mode: 'serial' });

test('from the form to a replicated cluster under load, without a reload', async ({ signedIn: page, portal }) => {
  test.setTimeout(180_000);
  const errors = faults(page);
  const lags = page.locator('.topo .lag');
  let password = '';

  await test.step('create, and watch the steps to the overview', async () => {
    await live(page);
    await mark(page);
    await page.getByRole('link', { name: 'Create cluster' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('live');
    await page.getByRole('radio', { name: '1', exact: true }).check();
    await expect(page.getByRole('complementary', { name: 'Summary' })).toContainText('live');
    await page.getByRole('button', { name: 'Create cluster' }).click();
    await expect(page).toHaveURL(/\/clusters\/live$/);
    await expect(page.locator('.st.pill')).toHaveText('Healthy');
    await expect(page.locator('.topo')).toContainText('Primary');
    await sameDocument(page);
  });

  await test.step('a user and a database, and a client that signs in with what the page showed', async () => {
    await page.getByRole('link', { name: 'Users and databases' }).first().click();
    await page.getByRole('link', { name: 'Create user' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('shop');
    await page.getByRole('button', { name: 'Create user' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText('Copy it now');
    password = (await dialog.locator('.copy code').innerText()).trim();
    await accessible(page);
    await dialog.getByRole('link', { name: 'I have copied it' }).click();
    await page.getByRole('link', { name: 'Create database' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('orders');
    await page.getByLabel('Owner').selectOption('shop');
    await page.getByRole('button', { name: 'Create database' }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expect(page.locator('#databases').getByRole('row', { name: /orders/ })).toContainText('Active');
    await expect(page.locator('#users').getByRole('row', { name: /shop/ })).toContainText('Active');
    await sameDocument(page);
    expect(await psql(portal, 'live', { user: 'shop', password, database: 'orders' }, 'select current_user')).toBe('shop');
  });

  await test.step('scale from 1 to 3', async () => {
    await page.getByRole('link', { name: 'Settings', exact: true }).click();
    await page.getByLabel('Instances').fill('3');
    await page.locator('#size').getByRole('button', { name: 'Review change' }).click();
    await expect(page.getByRole('dialog')).toContainText('Instances');
    await accessible(page);
    await page.getByRole('button', { name: /^Apply change/ }).click();
    await page.getByRole('link', { name: 'Overview' }).first().click();
    await expect(page.locator('.topo .reps > li')).toHaveCount(2);
    await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
    await expect(lags).toHaveText([/\d s/, /\d s/]);
    await sameDocument(page);
  });

  await test.step('lag moves while somebody writes', async () => {
    const load = await writing(portal, 'live', { user: 'shop', password, database: 'orders' });
    try {
      const seen = new Set<string>();
      const words = async () => (await lags.first().textContent()) ?? '';
      await expect.poll(async () => seen.add(await words()).size, { timeout: 30_000, intervals: [250] }).toBeGreaterThan(3);
      expect([...seen].some((said) => /iB|\d B/.test(said)), 'in bytes and in seconds').toBe(true);
      await sameDocument(page);
    } finally {
      load.end();
    }
  });

  await test.step('switch the primary to a replica of choice', async () => {
    await page.getByRole('link', { name: 'Settings', exact: true }).click();
    await page.locator('#power').getByRole('link', { name: 'Switch primary' }).click();
    await page.getByRole('dialog').getByRole('radio').last().check();
    const chosen = (await page.getByRole('dialog').locator('label', { has: page.locator(':checked') }).locator('b').innerText()).trim();
    await accessible(page);
    await page.getByRole('dialog').getByRole('button', { name: 'Switch primary' }).click();
    await page.getByRole('link', { name: 'Overview' }).first().click();
    await expect(page.locator('.topo .node.primary')).toContainText(chosen, { timeout: 30_000 });
    await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
    await expect(lags).toHaveText([/\d s/, /\d s/]);
    expect(await psql(portal, 'live', { user: 'shop', password, database: 'orders' }, 'select pg_is_in_recovery()')).toBe('f');
    await sameDocument(page);
  });

  expect(errors).toEqual([]);
});

const PAGES = ['/clusters', '/clusters/new', '/clusters/new?mode=yaml', '/clusters/live', '/clusters/live/data', '/clusters/live/yaml', '/clusters/live/settings'];
const DIALOGS = [
  '/clusters?dialog=palette',
  '/clusters?dialog=keys',
  '/clusters/live?dialog=switch',
  '/clusters/live?dialog=restart',
  '/clusters/live?dialog=pause',
  '/clusters/live/data?dialog=add-user',
  '/clusters/live/data?dialog=add-database',
  '/clusters/live/data?dialog=password-shop',
  '/clusters/live/data?dialog=edit-user-shop',
  '/clusters/live/settings?dialog=delete',
];

for (const [look, scheme, width] of [
  ['light', 'light', 1280],
  ['dark', 'dark', 1280],
  ['phone', 'light', 390],
  ['dark phone', 'dark', 390],
] as const) {
  test(`nothing for axe to find, nothing to scroll sideways: ${look}`, async ({ signedIn: page }) => {
    test.setTimeout(120_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 800 });
    const paths = width === 1280 ? [...PAGES, ...DIALOGS] : PAGES;
    for (const path of paths) {
      await test.step(path, async () => {
        await page.goto(path);
        await live(page);
        if (process.env.HOWDAH_SHOTS) {
          const name = `${look}-${path}`.replaceAll(/[^a-z0-9]+/g, '-');
          await page.screenshot({ path: `${process.env.HOWDAH_SHOTS}/${name}.png`, fullPage: !path.includes('dialog') });
        }
        expect.soft(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
        await accessible(page);
      });
    }
  });
}

/** What the page threw or complained about, as it happens. */
function faults(page: Page): string[] {
  const all: string[] = [];
  page.on('pageerror', (error) => all.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || /hydrat/i.test(message.text())) all.push(message.text());
  });
  return all;
}
