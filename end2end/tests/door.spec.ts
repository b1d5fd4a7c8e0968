// The front door: links, what they open, and what stays shut.
import { accessible, expect, live, signIn, test } from '../support/test.js';

test('the printed link signs in once and shows the clusters', async ({ page, portal, browser }) => {
  const link = await portal.freshLink();
  await signIn(page, link);
  await expect(page.getByRole('heading', { level: 1, name: /clusters/i })).toBeVisible();
  await accessible(page);

  const elsewhere = await browser.newContext({ baseURL: portal.url });
  const other = await elsewhere.newPage();
  await other.goto(link);
  await expect(other.getByRole('alert')).toContainText('used before');
  await accessible(other);
  await other.goto('/clusters');
  await expect(other.getByRole('heading', { level: 1 })).toContainText(/sign in/i);
  await elsewhere.close();
});

test('a stranger is asked to sign in, and lands where they were going', async ({ page, portal }) => {
  await page.goto('/clusters/new');
  await expect(page).toHaveURL(/\/sign-in\?next=\/clusters\/new$/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/sign in/i);
  await accessible(page);
  await page.getByLabel('Sign-in link').fill('not-a-link');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('cut off');
  await page.goto('/sign-in?next=/clusters/new');
  await page.getByLabel('Sign-in link').fill(await portal.freshLink());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(`${portal.url.replace(/\/$/, '')}/clusters/new`);
});

for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example/', '/\t/evil.example/']) {
  test(`signing in never leads away: ${JSON.stringify(next)}`, async ({ page, portal }) => {
    const left: string[] = [];
    await page.route(
      ({ hostname }) => hostname === 'evil.example',
      (route) => {
        left.push(route.request().url());
        return route.abort();
      },
    );
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    await page.getByLabel('Sign-in link').fill(await portal.freshLink());
    // A forged page would send what it likes.
    await page.locator('input[name=next]').evaluate((input, value) => input.setAttribute('value', value), next);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1, name: /clusters/i })).toBeVisible();
    expect(left).toEqual([]);
    expect(new URL(page.url()).origin).toBe(new URL(portal.url).origin);
  });
}

test('signing out ends the session, also for a copy of its cookie', async ({ signedIn: page, context, browser, portal }) => {
  const state = await context.storageState();
  await live(page);
  await page.getByRole('button', { name: 'admin' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  const copy = await browser.newContext({ storageState: state, baseURL: portal.url });
  const again = await copy.newPage();
  await again.goto('/clusters');
  await expect(again).toHaveURL(/\/sign-in/);
  await copy.close();
});
