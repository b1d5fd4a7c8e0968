// The front door: the link that the portal prints, and the page behind it.
import { accessible, expect, signIn, test } from '../support/test.js';

test('the printed link signs in once and shows the clusters', async ({ page, portal }) => {
  await signIn(page, portal.link);
  await expect(page.getByRole('heading', { level: 1, name: /clusters/i })).toBeVisible();
  await accessible(page);
});

test('a page behind the door asks a stranger to sign in', async ({ page, portal }) => {
  await page.goto(portal.url);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/sign in/i);
  await accessible(page);
});
