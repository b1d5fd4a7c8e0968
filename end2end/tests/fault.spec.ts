// The portal dies under an open page: the page says that it is not live, keeps what it knows, and follows again by itself.
import { psql } from '../support/clients.js';
import { expect, live, mark, sameDocument, test } from '../support/test.js';

test('a page outlives the portal', async ({ signedIn: page, portal }) => {
  test.setTimeout(150_000);
  await page.goto('/clusters/new');
  await live(page);
  await page.getByLabel('Name', { exact: true }).fill('fault');
  await page.getByRole('radio', { name: '1', exact: true }).check();
  await page.getByRole('button', { name: 'Create cluster' }).click();
  await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
  await page.getByRole('link', { name: 'Users and databases' }).first().click();
  await page.getByRole('link', { name: 'Create user' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('shop');
  await page.getByRole('button', { name: 'Create user' }).click();
  const password = (await page.getByRole('dialog').locator('.copy code').innerText()).trim();
  await page.getByRole('link', { name: 'I have copied it' }).click();
  await expect(page.locator('#users').getByRole('row', { name: /shop/ })).toContainText('Active');
  await page.getByRole('link', { name: 'Create database' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('orders');
  await page.getByLabel('Owner').selectOption('shop');
  await page.getByRole('button', { name: 'Create database' }).click();
  await expect(page.locator('#databases').getByRole('row', { name: /orders/ })).toContainText('Active');
  await page.getByRole('link', { name: 'Overview' }).first().click();
  await expect(page.locator('.topo')).toContainText('Primary');
  await mark(page);
  const who = { user: 'shop', password, database: 'orders' };
  const to = await portal.endpoint('fault');

  await portal.kill();
  await expect(page.locator('.live')).toHaveText(/^Reconnecting/);
  await expect(page.locator('.topo.stale')).toHaveCount(1);
  await expect(page.locator('.topo')).toContainText('Primary');
  await expect(page.locator('main')).toContainText('nothing newer came in');
  expect(await psql({ endpoint: async () => to }, 'fault', who, 'select 1')).toBe('1');

  await portal.restart();
  await live(page);
  await expect(page.locator('.topo.stale')).toHaveCount(0);
  await sameDocument(page);

  // What the page asks for now is done: it is not only its clock that goes on.
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await page.getByLabel('Instances').fill('2');
  await page.locator('#size').getByRole('button', { name: 'Review change' }).click();
  await page.getByRole('button', { name: /^Apply change/ }).click();
  await page.getByRole('link', { name: 'Overview' }).first().click();
  await expect(page.locator('.topo .reps > li')).toHaveCount(1);
  await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
  await sameDocument(page);
});
