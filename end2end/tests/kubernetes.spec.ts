// The main job on Kubernetes: the same pages over a real operator. Needs HOWDAH_TEST_KUBECONFIG (an administrator's, with CloudNativePG installed) and
// kubectl (HOWDAH_KUBECTL says where else than on the PATH, and what else it needs to be told).
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { type Credentials, psql } from '../support/clients.js';
import { Portal } from '../support/portal.js';
import { eventually } from '../support/processes.js';
import { expect, live, mark, sameDocument, signIn, test as base } from '../support/test.js';

const KUBECONFIG = process.env.HOWDAH_TEST_KUBECONFIG;
const KUBECTL = (process.env.HOWDAH_KUBECTL ?? 'kubectl').split(' ');
/** One for each project, made by the portal; or one that is there, where the portal may not make any. */
const TEMPLATE = process.env.HOWDAH_TEST_NAMESPACE ?? 'howdah-browser-{project}';
const NAMESPACE = TEMPLATE.replace('{project}', 'default');
const SLOW = { timeout: 240_000 };

base.skip(!KUBECONFIG, 'HOWDAH_TEST_KUBECONFIG names no Kubernetes cluster');

const test = base.extend<object, { portal: Portal }>({
  portal: [
    async ({}, use) => {
      const folder = await mkdtemp('/tmp/howdah-kubernetes-');
      await writeFile(`${folder}/howdah.toml`, `[[place]]\nname = "there"\nkubeconfig = "${KUBECONFIG}"\nnamespace = "${TEMPLATE}"\nengine = "cnpg"\n`);
      const portal = await Portal.start(['--local', 'off', '--config', `${folder}/howdah.toml`]);
      await use(portal);
      // REST tells nothing any more of a cluster that is on its way out; the portal has to live until it is gone.
      await portal.deleteClusters();
      const clean = await eventually(async () => (await left()).length === 0, 120_000);
      await portal.stop();
      expect(clean, (await left()).join(' ')).toBe(true);
      await rm(folder, { recursive: true });
    },
    { scope: 'worker', timeout: 300_000 },
  ],
});

test('a cluster lives and ends on Kubernetes', async ({ page, portal }) => {
  test.setTimeout(900_000);
  const health = page.locator('.st.pill');
  const open = async (name: string) => page.getByRole('link', { name, exact: true }).first().click();
  let who: Credentials;
  let shown = '';
  const ask = (statement: string) => through(shown, who, statement);

  await test.step('three instances, from the form to the overview', async () => {
    await signIn(page, await portal.freshLink());
    await live(page);
    await mark(page);
    await page.getByRole('link', { name: 'Create cluster' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('browser');
    await page.getByRole('radio', { name: /nano/i }).check();
    await page.getByRole('radio', { name: '3', exact: true }).check();
    await page.getByRole('button', { name: 'Create cluster' }).click();
    await expect(page).toHaveURL(/\/clusters\/browser$/);
    await expect(health).toHaveText('Healthy', SLOW);
    await expect(page.locator('.topo .reps > li')).toHaveCount(2);
    await expect(page.locator('.topo .lag')).toHaveText([/\d s/, /\d s/], SLOW);
    await sameDocument(page);
  });

  await test.step('a user, a database and an extension; a client gets in by the way that is shown', async () => {
    await open('Users and databases');
    await page.getByRole('link', { name: 'Create user' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('shop');
    await page.getByRole('button', { name: 'Create user' }).click();
    const dialog = page.getByRole('dialog');
    const password = (await dialog.locator('.copy code').innerText()).trim();
    await dialog.getByRole('link', { name: 'I have copied it' }).click();
    await page.getByRole('link', { name: 'Create database' }).first().click();
    await page.getByLabel('Name', { exact: true }).fill('orders');
    await page.getByLabel('Owner').selectOption('shop');
    await page.getByRole('checkbox', { name: 'hstore' }).check();
    await page.getByRole('button', { name: 'Create database' }).click();
    await expect(page.locator('#databases').getByRole('row', { name: /orders/ })).toContainText('Active', SLOW);
    await expect(page.locator('#users').getByRole('row', { name: /shop/ })).toContainText('Active', SLOW);
    who = { user: 'shop', password, database: 'orders' };
    await open('Overview');
    shown = (await page.locator('.copy code', { hasText: 'port-forward' }).first().innerText()).trim();
    expect(await ask(`create table t (h hstore); insert into t values ('a=>1'); select h->'a' from t`)).toBe('1');
    await sameDocument(page);
  });

  await test.step('the primary dies, and the page shows who follows', async () => {
    await open('Overview');
    const before = (await page.locator('.topo .node.primary').innerText()).match(/browser-\d+/)?.[0] ?? '';
    await kubectl('--namespace', NAMESPACE, 'delete', 'pod', before, '--grace-period=0', '--force');
    await expect(page.locator('.topo .node.primary')).not.toContainText(before, SLOW);
    await expect(page.locator('.topo .node.primary')).toContainText(/browser-\d+/, SLOW);
    await expect(health).toHaveText('Healthy', SLOW);
    await sameDocument(page);
  });

  await test.step('scale to two', async () => {
    await settings(async () => page.getByLabel('Instances').fill('2'), '#size');
    await expect(page.locator('.topo .reps > li')).toHaveCount(1, SLOW);
    await expect(health).toHaveText('Healthy', SLOW);
  });

  await test.step('a field that somebody else changes is told with who it was, and taken over when asked', async () => {
    const patch = (change: unknown) =>
      kubectl('--namespace', NAMESPACE, 'patch', 'clusters.postgresql.cnpg.io', 'browser', '--type=merge', '--field-manager=somebody', '--patch', JSON.stringify(change));
    await patch({ spec: { logLevel: 'debug' } });
    await patch({ spec: { instances: 3 } });
    await expect(page.getByRole('main')).toContainText(/Waits for you.*somebody/, SLOW);
    await page.getByRole('link', { name: 'Take over these fields' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take over' }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expect(page.locator('.topo .reps > li')).toHaveCount(1, SLOW);
    await expect(health).toHaveText('Healthy', SLOW);
    const kept = JSON.parse(await kubectl('--namespace', NAMESPACE, 'get', 'clusters.postgresql.cnpg.io', 'browser', '--output', 'json'));
    expect(kept.spec).toMatchObject({ instances: 2, logLevel: 'debug' });
  });

  await test.step('a parameter that is reloaded, and one that restarts', async () => {
    const started = async () => (await pods()).map(({ name, since }) => `${name} ${since}`);
    const before = await started();
    await settings(() => parameter('work_mem', '8MB'), '#parameters');
    await portal.ready('browser');
    expect(await started()).toEqual(before);
    await settings(() => parameter('max_connections', '120'), '#parameters');
    await portal.ready('browser');
    expect(await ask('show max_connections')).toBe('120');
    expect(await ask('show work_mem')).toBe('8MB');
  });

  await test.step('sleeps and wakes with its rows', async () => {
    await power('Pause cluster', 'Paused');
    expect(await pods()).toEqual([]);
    await power('Resume cluster', 'Healthy');
    expect(await ask(`select h->'a' from t`)).toBe('1');
    await sameDocument(page);
  });

  await test.step('deleted, and nothing is left', async () => {
    await open('Settings');
    await page.getByRole('link', { name: 'Delete cluster' }).first().click();
    await page.getByLabel('Type browser to confirm').fill('browser');
    await page.getByRole('button', { name: 'Delete cluster' }).click();
    await expect(page).toHaveURL(/\/clusters$/);
    await portal.gone('browser');
    expect(await eventually(async () => (await left()).length === 0, 60_000), (await left()).join(' ')).toBe(true);
  });

  async function settings(edit: () => Promise<void>, card: string): Promise<void> {
    await open('Settings');
    await edit();
    await page.locator(card).getByRole('button', { name: 'Review change' }).click();
    await page.getByRole('button', { name: /^Apply change/ }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await open('Overview');
  }

  async function parameter(name: string, value: string): Promise<void> {
    const rows = page.locator('#parameters tbody tr');
    const free = rows.filter({ has: page.locator('input[value=""]') }).last();
    await free.getByLabel(/^Name of parameter/).fill(name);
    await free.getByLabel(/^Value of parameter/).fill(value);
  }

  async function power(button: 'Pause cluster' | 'Resume cluster', after: string): Promise<void> {
    await open('Settings');
    await page.locator('#power').getByRole('link', { name: button }).click();
    await page.getByRole('dialog').getByRole('button', { name: button }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await open('Overview');
    await expect(health).toHaveText(after, SLOW);
  }
});

async function kubectl(...args: string[]): Promise<string> {
  const [program = 'kubectl', ...first] = KUBECTL;
  return (await promisify(execFile)(program, [...first, ...args], { env: { KUBECONFIG, ...process.env } })).stdout;
}

/** What there is in the namespace that could be of a cluster. */
async function left(): Promise<string[]> {
  const kinds = 'clusters.postgresql.cnpg.io,databases.postgresql.cnpg.io,pods,services,secrets,persistentvolumeclaims,jobs';
  return (await kubectl('--namespace', NAMESPACE, 'get', kinds, '--output', 'name')).split('\n').filter(Boolean);
}

async function pods(): Promise<{ name: string; since: string }[]> {
  const { items } = JSON.parse(await kubectl('--namespace', NAMESPACE, 'get', 'pods', '--output', 'json')) as {
    items: { metadata: { name: string }; status: { startTime: string } }[];
  };
  return items.map(({ metadata, status }) => ({ name: metadata.name, since: status.startTime }));
}

/** What a statement answers by the way through the API server that the page shows, on a port of our own. (kubectl ends it with the first connection.) */
async function through(shown: string, who: Credentials, statement: string): Promise<string> {
  const port = await free();
  const [program = 'kubectl', ...first] = KUBECTL;
  const args = [...first, ...shown.replace(/^kubectl /, '').replace('5432:5432', `${port}:5432`).split(' ')];
  const tunnel = spawn(program, args, { env: { KUBECONFIG, ...process.env }, stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await new Promise((done) => tunnel.stdout.once('data', done));
    return await psql({ endpoint: async () => ({ host: '127.0.0.1', port }) }, 'browser', who, statement);
  } finally {
    tunnel.kill();
  }
}

function free(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
