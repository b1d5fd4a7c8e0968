// Keyboard only, dark, on a phone's width: the same main job without a pointer.
import { type Locator, type Page } from '@playwright/test';
import { expect, live, mark, sameDocument, test } from '../support/test.js';

test.use({ viewport: { width: 390, height: 800 }, colorScheme: 'dark' });

test('a cluster lives and ends by keys alone', async ({ signedIn: page, portal }) => {
  test.setTimeout(150_000);
  // Whoever has no pointer must not need one.
  await page.addInitScript(() => addEventListener('pointerdown', () => document.documentElement.setAttribute('data-pointer', ''), true));
  await page.reload();
  await live(page);
  await mark(page);

  await test.step('C opens the form; it is filled and sent by keys', async () => {
    await page.keyboard.press('c');
    await expect(page).toHaveURL(/\/clusters\/new$/);
    await tabTo(page, page.getByLabel('Name', { exact: true }));
    await page.keyboard.type('keys');
    await tabTo(page, page.locator('input[name=instances]:checked'));
    await choose(page, page.getByRole('radio', { name: '1', exact: true }));
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/clusters\/keys$/);
    await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
  });

  await test.step('Ctrl K finds the page to add a user; the password is shown', async () => {
    await go(page, 'create a user in keys');
    await expect(page.getByRole('dialog')).toContainText('Create user');
    await tabTo(page, page.getByLabel('Name', { exact: true }));
    await page.keyboard.type('shop');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog')).toContainText('Copy it now');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expect(page.locator('#users')).toContainText('shop');
  });

  await test.step('Ctrl K from the list of clusters finds the cluster', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await expect(page).toHaveURL(/\/clusters$/);
    await go(page, 'keys');
    await expect(page).toHaveURL(/\/clusters\/keys$/);
  });

  await test.step('scale', async () => {
    await go(page, 'keys: settings');
    await tabTo(page, page.getByLabel('Instances'));
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('2');
    await page.keyboard.press('Enter');
    const apply = page.getByRole('dialog').getByRole('button', { name: /^Apply change/ });
    await tabTo(page, apply);
    await page.keyboard.press('Enter');
    await expect(apply).toBeHidden();
    await go(page, 'keys: overview');
    await expect(page.locator('.topo .reps > li')).toHaveCount(1);
    await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
  });

  await test.step('delete by typing the name', async () => {
    await go(page, 'keys: settings');
    await tabTo(page, page.locator('#danger').getByRole('link', { name: 'Delete cluster' }));
    await page.keyboard.press('Enter');
    await tabTo(page, page.getByLabel('Type keys to confirm'));
    await page.keyboard.type('keys');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/clusters$/);
    await sameDocument(page);
    await portal.gone('keys');
    await expect(page.getByRole('row', { name: /keys/ })).toHaveCount(0);
  });

  await expect(page.locator('html[data-pointer]')).toHaveCount(0);
});

/** Presses Tab until the element has the focus, and the ring that shows it. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor({ state: 'attached' });
  for (let pressed = 0; pressed < 80; pressed++) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      const ring = await target.evaluate((element) => {
        const style = getComputedStyle(element);
        const around = element.closest('label') ?? element;
        return [style.outlineStyle, getComputedStyle(around).outlineStyle].some((line) => line !== 'none');
      });
      expect(ring, 'where the focus is can be seen').toBe(true);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`no number of tabs leads to ${target}`);
}

/** Moves within a group of radios by its arrows. */
async function choose(page: Page, radio: Locator): Promise<void> {
  for (let pressed = 0; pressed < 20; pressed++) {
    if (await radio.isChecked()) return;
    await page.keyboard.press('ArrowLeft');
  }
  throw new Error(`no arrow leads to ${radio}`);
}

/** By the command palette. */
async function go(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+k');
  const input = page.getByRole('combobox', { name: /search/i });
  await expect(input).toBeFocused();
  await page.keyboard.type(words);
  await expect(page.locator('#palette-list').getByRole('option').first()).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(input).toBeHidden();
}
