// What runs on this machine below a folder: the proof that nothing is left behind.
import { readFile, readdir, readlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

export interface Found {
  pid: number;
  cwd: string;
  command: string;
}

/** Every process that works in the folder or has it among its arguments. */
export async function below(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    // A process may end while it is looked at.
    const cwd = await readlink(`/proc/${entry}/cwd`).catch(() => '');
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    if (cwd.startsWith(folder) || command.includes(folder)) {
      found.push({ pid, cwd, command: command.replaceAll('\0', ' ').trim() });
    }
  }
  return found;
}

/** Asks until the answer is yes; false when it still is not after so many milliseconds. */
export async function eventually(ask: () => Promise<boolean>, milliseconds: number): Promise<boolean> {
  const end = Date.now() + milliseconds;
  for (;;) {
    if (await ask()) return true;
    if (Date.now() > end) return false;
    await pause(100);
  }
}

/** Ends whatever runs below the folder; answers what was found. */
export async function end(folder: string): Promise<Found[]> {
  const found = await below(folder);
  signal(found, 'SIGQUIT');
  if (!(await eventually(async () => (await below(folder)).length === 0, 3_000))) {
    signal(await below(folder), 'SIGKILL');
  }
  return found;
}

function signal(found: Found[], name: NodeJS.Signals): void {
  for (const { pid } of found) {
    try {
      process.kill(pid, name);
    } catch {
      // Gone already.
    }
  }
}
