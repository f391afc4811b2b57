/** What `RuntimeDefault` means: the profile of the container engines (containers-common), as an OCI runtime reads it. */
import { readFileSync } from 'node:fs';

const FILE = '/usr/share/containers/seccomp.json';
const ARCH = process.arch === 'x64' ? 'amd64' : process.arch;

interface Condition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
}

interface Profile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly archMap: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[];
  }[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly args: readonly object[] | null;
    readonly errnoRet?: number;
    readonly includes: Condition;
    readonly excludes: Condition;
  }[];
}

/** For a process without any capability, which is what the rules' conditions ask about. */
export function seccompProfile(): object {
  const { defaultAction, defaultErrnoRet, archMap, syscalls } = JSON.parse(
    readFileSync(FILE, 'utf8'),
  ) as Profile;
  const applies = ({ includes, excludes }: Profile['syscalls'][number]) =>
    includes.caps === undefined &&
    includes.arches?.includes(ARCH) !== false &&
    excludes.arches?.includes(ARCH) !== true;
  const suffix = ARCH === 'amd64' ? 'X86_64' : 'AARCH64';
  const own = archMap.find(({ architecture }) => architecture.endsWith(suffix));
  return {
    defaultAction,
    defaultErrnoRet,
    architectures: own === undefined ? [] : [own.architecture, ...own.subArchitectures],
    syscalls: syscalls
      .filter(applies)
      .map(({ names, action, args, errnoRet }) => ({ names, action, args: args ?? [], errnoRet })),
  };
}
