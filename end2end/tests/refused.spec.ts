// What is wrong is said where it is wrong; what was typed stays; nothing is changed, made twice or overwritten.
import { type Page } from '@playwright/test';
import { accessible, expect, live, test } from '../support/test.js';

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with script' : 'without script', () => {
    test.use({ javaScriptEnabled });

    test('a wrong name and a wrong quorum', async ({ signedIn: page, portal }) => {
      await page.goto('/clusters/new');
      if (javaScriptEnabled) await live(page);
      await page.getByLabel('Name', { exact: true }).fill('No_Good!');
      await page.getByLabel('At least').fill('3');
      await page.getByLabel('At most').fill('2');
      await page.getByRole('button', { name: 'Create cluster' }).click();
      await told(page, 'name');
      await expect(page.getByLabel('Name', { exact: true })).toHaveValue('No_Good!');
      await expect(page.getByLabel('At most')).toHaveValue('2');
      await expect(page.locator('.field .error').nth(1)).toBeVisible();
      if (javaScriptEnabled) await accessible(page);
      expect(await portal.names()).not.toContain('No_Good!');

      // One error less, the other is said again.
      await page.getByLabel('At least').fill('1');
      await page.getByRole('button', { name: 'Create cluster' }).click();
      await expect(page.locator('.field .error')).toHaveCount(1);
      await told(page, 'name');
    });

    test('a document with an error at a line', async ({ signedIn: page, portal }) => {
      const before = await portal.names();
      await page.goto('/clusters/new?mode=yaml');
      if (javaScriptEnabled) await live(page);
      const area = page.getByRole('textbox', { name: 'Document' });
      const text = `${await area.inputValue()}`.replace(/^(\s*)replicas:.*$/m, '$1replicas: many');
      const line = text.split('\n').findIndex((one) => one.includes('many')) + 1;
      expect(line).toBeGreaterThan(1);
      await area.fill(text);
      await page.getByRole('button', { name: 'Create cluster' }).click();
      await expect(page.locator('main .error').first()).toContainText(new RegExp(`line ${line}|replicas`, 'i'));
      expect((await area.inputValue()).trim()).toBe(text.trim());

      const broken = text.replace(/^spec:.*$/m, 'spec: [');
      await area.fill(broken);
      await page.getByRole('button', { name: 'Create cluster' }).click();
      await expect(page.locator('main .error').first()).toContainText(/line \d+/i);
      expect((await area.inputValue()).trim()).toBe(broken.trim());
      expect(await portal.names()).toEqual(before);
    });
  });
}

test('sent twice, a form makes one cluster; back leads to the form and not to a second one', async ({ signedIn: page, portal }) => {
  test.setTimeout(120_000);
  await page.goto('/clusters/new');
  await live(page);
  await page.getByLabel('Name', { exact: true }).fill('once');
  await page.getByRole('radio', { name: '1', exact: true }).check();
  // The form as a browser without script sends it, two times at once.
  const answers = await page.evaluate(async () => {
    const form = document.querySelector<HTMLFormElement>('main form[method=post]');
    if (!form) throw new Error('no form');
    const body = () => new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
    const send = () => fetch(form.action, { method: 'POST', body: body(), headers: { accept: 'text/html' } });
    const all = await Promise.all([send(), send()]);
    return all.map((answer) => [answer.status, new URL(answer.url).pathname] as const);
  });
  expect(answers).toEqual([
    [200, '/clusters/once'],
    [200, '/clusters/once'],
  ]);
  expect((await portal.names()).filter((name) => name === 'once')).toHaveLength(1);
  // A double click with script.
  await page.getByRole('button', { name: 'Create cluster' }).dblclick();
  await expect(page).toHaveURL(/\/clusters\/once$/);
  await page.goBack();
  await expect(page).toHaveURL(/\/clusters\/new$/);
  await page.goForward();
  await expect(page).toHaveURL(/\/clusters\/once$/);
  // Other files share this portal.
  expect((await portal.names()).filter((name) => name.startsWith('once'))).toEqual(['once']);
  await portal.ready('once');
});

test('of two tabs that change one cluster the later one is told', async ({ signedIn: page, context, portal }) => {
  await portal.ready('once');
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await tab.goto('/clusters/once/yaml');
    await live(tab);
    const area = tab.getByRole('textbox', { name: 'Document' });
    const size = tab === page ? '11Gi' : '12Gi';
    await area.fill((await area.inputValue()).replace(/size: 10Gi/, `size: ${size}`));
    await tab.getByRole('button', { name: 'Review changes' }).click();
    await expect(tab.getByLabel('Changes')).toContainText(size);
  }
  await page.getByRole('button', { name: 'Apply', exact: true }).click();
  await expect(other.getByText('was changed while this page was open')).toBeVisible();
  await other.getByRole('button', { name: 'Apply', exact: true }).click();
  await expect(other.locator('main')).toContainText('What you typed is still here');
  await expect(other.getByRole('textbox', { name: 'Document' })).toHaveValue(/12Gi/);
  const saved = await (await portal.rest('GET', `/v1/postgres/instances/${(await portal.instance('once'))?.uuid}/manifest`)).text();
  expect(saved).toContain('11Gi');
  expect(saved).not.toContain('12Gi');
  await other.close();
});

/** The sentence stands beside the input, and the input is tied to it. */
async function told(page: Page, id: string): Promise<void> {
  const input = page.locator(`main #${id}`);
  await expect(input).toHaveAttribute('aria-invalid', 'true');
  await expect(input).toHaveAttribute('aria-describedby', new RegExp(`${id}-e`));
  await expect(page.locator(`#${id}-e`)).toBeVisible();
}
