// Without JavaScript: every page is a page, every form is a form.
import { expect, test } from '../support/test.js';

test.use({ javaScriptEnabled: false });

test('a cluster lives and ends without a line of script', async ({ signedIn: page, portal }) => {
  test.setTimeout(120_000);

  await test.step('create', async () => {
    await page.getByRole('link', { name: 'Create cluster' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('plain');
    await page.getByRole('radio', { name: '1', exact: true }).check();
    await page.getByRole('radio', { name: /nano/i }).check();
    await page.getByRole('button', { name: 'Create cluster' }).click();
    await expect(page).toHaveURL(/\/clusters\/plain$/);
    await portal.ready('plain');
    await page.reload();
    await expect(page.getByText('Healthy').first()).toBeVisible();
  });

  await test.step('add a user, whose password is shown once', async () => {
    await page.goto('/clusters/plain/data');
    await page.getByRole('link', { name: 'Create user' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('shop');
    await page.getByRole('button', { name: 'Create user' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText('Copy it now');
    const password = await dialog.locator('.copy').innerText();
    expect(password.trim().length).toBeGreaterThan(11);
    await page.reload();
    await expect(dialog).toContainText('shown once');
    expect(await page.content()).not.toContain(password.trim());
    await dialog.getByRole('link', { name: 'Close' }).first().click();
    await expect(page.getByRole('row', { name: /shop/ })).toBeVisible();
  });

  await test.step('a name that PostgreSQL keeps for itself is refused beside the field, and stays typed', async () => {
    await page.getByRole('link', { name: 'Create user' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('pg_me');
    await page.getByLabel('Used for').fill('nothing good');
    await page.getByRole('button', { name: 'Create user' }).click();
    await expect(page.getByLabel('Name', { exact: true })).toHaveValue('pg_me');
    await expect(page.getByLabel('Name', { exact: true })).toHaveAttribute('aria-invalid', 'true');
    await expect(page.getByLabel('Used for')).toHaveValue('nothing good');
    await page.goto('/clusters/plain/data');
    await expect(page.getByText('pg_me')).toHaveCount(0);
  });

  await test.step('add a database', async () => {
    await page.getByRole('link', { name: 'Create database' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('orders');
    await page.getByRole('button', { name: 'Create database' }).click();
    await expect(page.getByRole('row', { name: /orders/ }).first()).toBeVisible();
  });

  await test.step('scale', async () => {
    await page.goto('/clusters/plain/settings');
    await page.getByLabel('Instances').fill('2');
    await page.getByRole('button', { name: 'Review change' }).first().click();
    await expect(page.getByRole('dialog')).toContainText('Instances');
    await page.getByRole('button', { name: /^Apply change/ }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await portal.ready('plain');
    await page.goto('/clusters/plain');
    await expect(page.getByText('Replica', { exact: true })).toBeVisible();
  });

  await test.step('delete by typing the name', async () => {
    await page.goto('/clusters/plain/settings');
    await page.getByRole('link', { name: 'Delete cluster' }).first().click();
    const name = page.getByLabel('Type plain to confirm');
    await name.fill('plan');
    await page.getByRole('button', { name: 'Delete cluster' }).click();
    await expect(name).toHaveValue('plan');
    await expect(name).toHaveAttribute('aria-invalid', 'true');
    const error = page.locator(`#${(await name.getAttribute('aria-describedby'))?.split(' ').pop()}`);
    await expect(error).toBeVisible();
    await name.fill('plain');
    await page.getByRole('button', { name: 'Delete cluster' }).click();
    await expect(page).toHaveURL(/\/clusters$/);
    await portal.gone('plain');
  });
});
