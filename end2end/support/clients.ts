// Clients of the clusters themselves: PostgreSQL's own programs, as an application would connect.
import { execFile, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Portal } from './portal.js';

export interface Credentials {
  user: string;
  password: string;
  database: string;
}

/** What a statement answers at the read-write address. */
export async function psql(portal: Pick<Portal, 'endpoint'>, cluster: string, who: Credentials, statement: string): Promise<string> {
  const env = await environment(portal, cluster, who);
  const { stdout } = await promisify(execFile)(await program('psql'), ['-XAtqc', statement], { env, timeout: 20_000 });
  return stdout.trim();
}

/** Writes as PostgreSQL's own benchmark does, until `end` is called. */
export async function writing(portal: Pick<Portal, 'endpoint'>, cluster: string, who: Credentials): Promise<{ end: () => void }> {
  const env = await environment(portal, cluster, who);
  const pgbench = await program('pgbench');
  await promisify(execFile)(pgbench, ['--initialize', '--quiet', '--scale=2'], { env, timeout: 30_000 });
  const child = spawn(pgbench, ['--client=4', '--time=120', '--no-vacuum'], { env, stdio: 'ignore' });
  return { end: () => child.kill('SIGKILL') };
}

async function environment(portal: Pick<Portal, 'endpoint'>, cluster: string, { user, password, database }: Credentials): Promise<NodeJS.ProcessEnv> {
  const { host, port } = await portal.endpoint(cluster);
  return { ...process.env, PGHOST: host, PGPORT: `${port}`, PGUSER: user, PGPASSWORD: password, PGDATABASE: database, PGSSLMODE: 'require' };
}

/** A client program: of the folder of installations where one is given, else of Debian. */
async function program(name: string): Promise<string> {
  const given = process.env.HOWDAH_POSTGRES;
  if (!given) return name;
  const majors = (await readdir(given)).filter((entry) => /^\d+$/.test(entry)).sort();
  return majors.length ? `${given}/${majors.at(-1)}/bin/${name}` : name;
}
