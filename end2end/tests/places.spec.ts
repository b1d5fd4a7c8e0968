// Two places, one of which nobody answers at: it says so, and the other one does not mind.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Portal } from '../support/portal.js';
import { accessible, expect, live, signIn, test as base } from '../support/test.js';

/** Nothing listens on port 1. */
const KUBECONFIG = `apiVersion: v1
kind: Config
clusters: [{ name: far, cluster: { server: 'https://127.0.0.1:1' } }]
users: [{ name: me, user: { token: not-a-secret } }]
contexts: [{ name: far, context: { cluster: far, user: me } }]
current-context: far
`;

const test = base.extend<object, { portal: Portal }>({
  portal: [
    async ({}, use) => {
      const folder = await mkdtemp('/tmp/howdah-kubeconfig-');
      await writeFile(`${folder}/config`, KUBECONFIG);
      const portal = await Portal.start(['--local', 'on', '--kubeconfig', `${folder}/config`]);
      await use(portal);
      await portal.stop();
      await rm(folder, { recursive: true });
    },
    { scope: 'worker', timeout: 180_000 },
  ],
});

test('a place that does not answer is told, and the other one goes on', async ({ page, portal }) => {
  await signIn(page, await portal.freshLink());
  await page.goto('/places');
  await live(page);
  const far = page.getByRole('region', { name: 'far' });
  await expect(far).toContainText('Cannot be reached');
  await expect(page.getByRole('region', { name: 'local' })).toContainText('Ready');

  await test.step('asked first, and what cannot be had is known before anything is typed', async () => {
    await page.goto('/clusters/new?place=far');
    await live(page);
    await expect(page.getByRole('main')).toContainText('does not answer');
    await expect(page.getByLabel('Name', { exact: true })).toHaveCount(0);
    await page.getByRole('link', { name: /local/ }).click();
    await expect(page).toHaveURL(/place=local/);
    await page.getByLabel('Name', { exact: true }).fill('near');
    await page.getByRole('radio', { name: '1', exact: true }).check();
    await page.getByRole('button', { name: 'Create cluster' }).click();
    await expect(page).toHaveURL(/\/clusters\/near$/);
    await expect(page.locator('.st.pill')).toHaveText('Healthy', { timeout: 60_000 });
  });

  await test.step('a wish for the place that does not answer is refused beside the field', async () => {
    const wish = { name: 'distant', place: 'far', preset: 'nano', disk_size: 8, nodes_number: 1, sync_replica_number: 0, version: 'v17' };
    const answer = await portal.rest('POST', '/v1/postgres/instances', wish);
    const told = JSON.stringify(await answer.json());
    expect(answer.status, told).toBe(400);
    expect(told).toContain('"field":"place"');
  });
});

for (const [look, scheme, width] of [
  ['light', 'light', 1280],
  ['dark phone', 'dark', 390],
] as const) {
  test(`nothing for axe to find, nothing to scroll sideways: ${look}`, async ({ page, portal }) => {
    await signIn(page, await portal.freshLink());
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 800 });
    for (const path of ['/places', '/places/far', '/places/local', '/clusters/new?place=far', '/clusters/new?place=local']) {
      await test.step(path, async () => {
        await page.goto(path);
        await live(page);
        expect.soft(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${path} scrolls sideways`).toBeLessThanOrEqual(0);
        await accessible(page);
      });
    }
  });
}
