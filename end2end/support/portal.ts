// A portal for tests: the real binary on a free port with a fresh data folder, and the end of everything it started.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { below, end, eventually } from './processes.js';

const READY_MS = 90_000;
const START_MS = 60_000;
const DELETE_MS = 60_000;
const STOP_MS = 20_000;

/** What these tests read of a cluster in REST. */
export interface Instance {
  uuid: string;
  name: string;
  status: string;
  generation: number;
  observed_generation: number;
  endpoints: { kind: string; host: string; port: number }[];
  nodes: { name: string; role: string; state: string }[];
}

export class Portal {
  private constructor(
    private child: ChildProcess,
    private readonly binary: string,
    private readonly args: string[],
    readonly folder: string,
    readonly data: string,
    readonly url: string,
    /** The sign-in link printed at the start; works once. */
    readonly link: string,
    /** Where processes worked before the first cluster: the portal's own database. */
    private readonly own: Set<string>,
    /** Everything the portal printed. */
    readonly output: string[],
  ) {}

  static async start(args: string[] = []): Promise<Portal> {
    const binary = resolve(process.env.HOWDAH_BIN ?? '../target/debug/howdah');
    const folder = await mkdtemp('/tmp/howdah-end2end-');
    // PostgreSQL runs as another user, who must be able to walk in.
    await chmod(folder, 0o755);
    const data = `${folder}/data`;
    const all = ['serve', '--data', data, ...args];
    const output: string[] = [];
    const child = serve(binary, [...all, '--listen', '127.0.0.1:0']);
    try {
      const { url, link } = await announced(child, output);
      const own = new Set((await below(folder)).map((found) => found.cwd));
      return new Portal(child, binary, all, folder, data, url, link, own, output);
    } catch (error) {
      child.kill('SIGKILL');
      await end(folder);
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The end that nobody can prepare for; clusters and the portal's own database go on. */
  async kill(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  /** Serves again, at the same address, after it was killed. */
  async restart(): Promise<void> {
    this.child = serve(this.binary, [...this.args, '--listen', new URL(this.url).host]);
    await announced(this.child, this.output);
  }

  /** A command of the same binary against this portal; answers its standard output. */
  async howdah(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(this.binary, args, {
      env: { ...process.env, HOWDAH_DATA: this.data, HOWDAH_URL: this.url },
    });
    return stdout.trim();
  }

  /** A fresh sign-in link. */
  async freshLink(): Promise<string> {
    const printed = await this.howdah('link');
    return printed.match(/https?:\/\/\S+/)?.[0] ?? printed;
  }

  private token: string | undefined;

  /** REST with an admin token. */
  async rest(method: string, path: string, body?: unknown): Promise<Response> {
    this.token ??= await this.howdah('token', 'create', '--name', 'end2end');
    return fetch(new URL(path, this.url), {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Names of all clusters. */
  async names(): Promise<string[]> {
    return ((await (await this.rest('GET', '/v1/postgres/instances')).json()) as Instance[]).map(({ name }) => name);
  }

  /** A cluster as REST shows it; none when there is none of that name. */
  async instance(name: string): Promise<Instance | undefined> {
    const listed = (await (await this.rest('GET', '/v1/postgres/instances')).json()) as Instance[];
    return listed.find((instance) => instance.name === name);
  }

  /** Where a cluster's writes go. */
  async endpoint(name: string): Promise<{ host: string; port: number }> {
    const found = (await this.instance(name))?.endpoints.find(({ kind }) => kind === 'rw');
    if (!found) throw new Error(`${name} has no address`);
    return found;
  }

  /** Waits until what was last asked of the cluster is reached. */
  async ready(name: string): Promise<void> {
    let last: Instance | undefined;
    const reached = async () => {
      last = await this.instance(name);
      return last?.status === 'ACTIVE' && last.generation === last.observed_generation;
    };
    if (!(await eventually(reached, READY_MS))) throw new Error(`not ready in time: ${JSON.stringify(last)}`);
  }

  /** Waits until the cluster is gone. */
  async gone(name: string): Promise<void> {
    if (!(await eventually(async () => !(await this.instance(name)), DELETE_MS))) throw new Error(`${name} is still there`);
  }

  /** Deletes every cluster and waits until nothing of them runs. */
  async deleteClusters(): Promise<void> {
    const listed = (await (await this.rest('GET', '/v1/postgres/instances')).json()) as { uuid: string }[];
    await Promise.all(listed.map(({ uuid }) => this.rest('DELETE', `/v1/postgres/instances/${uuid}`)));
    const gone = async () => (await below(this.folder)).every((found) => this.own.has(found.cwd));
    if (!(await eventually(gone, DELETE_MS))) {
      const left = (await below(this.folder)).filter((found) => !this.own.has(found.cwd));
      throw new Error(`left after deleting all clusters: ${left.map((found) => found.command).join('; ')}`);
    }
  }

  /** Deletes the clusters, stops the portal as an administrator would, and leaves neither process nor file. */
  async stop(): Promise<void> {
    try {
      if (this.child.exitCode === null && this.child.signalCode === null) {
        await this.deleteClusters();
        const exited = once(this.child, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
        this.child.kill('SIGTERM');
        const [code] = await exited;
        if (code !== 0) throw new Error(`the portal ended with ${code}\n${this.output.slice(-20).join('\n')}`);
      }
    } finally {
      if (this.child.exitCode === null) this.child.kill('SIGKILL');
      await end(this.folder);
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

function serve(binary: string, args: string[]): ChildProcess {
  return spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Waits for the two lines that the portal prints when it serves. */
function announced(child: ChildProcess, output: string[]): Promise<{ url: string; link: string }> {
  return new Promise((done, failed) => {
    const fail = (why: string) => failed(new Error(`${why}\n${output.slice(-30).join('\n')}`));
    const timer = setTimeout(() => fail('the portal was not ready in time'), START_MS);
    child.once('error', (error) => fail(`the portal did not start: ${error.message}`));
    child.once('exit', (code) => fail(`the portal ended with ${code} before it was ready`));
    let url: string | undefined;
    let link: string | undefined;
    const read = (line: string) => {
      output.push(line);
      const found = line.match(/https?:\/\/\S+/)?.[0];
      if (line.startsWith('ready ')) url = found;
      else if (found && !link) link = found;
      if (url && link) {
        clearTimeout(timer);
        done({ url, link });
      }
    };
    if (child.stdout) createInterface(child.stdout).on('line', read);
    if (child.stderr) createInterface(child.stderr).on('line', (line) => output.push(line));
  });
}
