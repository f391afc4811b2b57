/**
 * `npx tsx bench/scaling.ts`: what a second costs one Redis, by replicas and sessions; the table of docs/scaling.md.
 *
 * Places sessions, streams and calls on replicas at random, and counts who listens to each message. What one call costs and
 * whom a message reaches is what `test/server/stores/redis-cost.test.ts` and `replica-messages.contract.ts` see of a real Redis.
 */
import { fileURLToPath } from 'node:url';

export interface Load {
  readonly replicas: number;
  readonly sessions: number;
}

/** What the sessions do: one call a minute, of which one in ten streams ten messages and one in a hundred asks its user. */
const CALLS_PER_S = 1 / 60;
const STREAMED = 1 / 10;
const ASKING = 1 / 100;
/** One in five has a GET stream. Each URI that changes has so many subscribers. */
const STREAMS = 1 / 5;
const SUBSCRIBERS = 100;
const CHANGES_PER_S = 10;
const SCRIPTS_PER_CALL = 4;
const SCRIPTS_PER_STREAMED_CALL = 12;
const COMMANDS_OF_IDLE_REPLICA = 6;
/** Of a stream's channel in Redis, of a session, and of what six minutes keep of a streamed call, in bytes. */
const [CHANNEL_BYTES, SESSION_BYTES, KEPT_BYTES] = [300, 700, 14_000];
const KEPT_S = 360;

export interface Second {
  /** That Redis runs. */
  readonly commands: number;
  /** That Redis sends to replicas for answers; one replica gets each. */
  readonly answers: number;
  /** For changes of resources. */
  readonly changes: number;
  /** For one `list_changed`. */
  readonly listChanged: number;
  readonly gibibytes: number;
}

/** By counting, with streams and calls placed by `random`. */
export function simulate({ replicas, sessions }: Load, random: () => number = Math.random): Second {
  const anyOf = (count: number) => Math.floor(random() * count);
  const streamsAt = Array.from({ length: Math.round(sessions * STREAMS) }, () => anyOf(replicas));
  const second = { commands: COMMANDS_OF_IDLE_REPLICA * replicas, answers: 0, changes: 0 };
  const calls = Math.round(sessions * CALLS_PER_S);
  for (let i = 0; i < calls; i++) {
    second.commands += SCRIPTS_PER_CALL;
    if (random() < STREAMED) second.commands += SCRIPTS_PER_STREAMED_CALL;
    if (random() >= ASKING) continue;
    const [asking, answered] = [anyOf(replicas), anyOf(replicas)];
    if (asking === answered) continue; // the answer came to the replica that waits for it
    second.commands += 1;
    second.answers += new Set([asking]).size;
  }
  for (let i = 0; i < CHANGES_PER_S; i++) {
    const listening = new Set(Array.from({ length: SUBSCRIBERS }, () => streamsAt[anyOf(streamsAt.length)]));
    second.commands += 1;
    second.changes += listening.size;
  }
  const kept = calls * STREAMED * KEPT_S * KEPT_BYTES;
  const bytes = sessions * SESSION_BYTES + streamsAt.length * CHANNEL_BYTES + kept;
  return { ...second, listChanged: new Set(streamsAt).size, gibibytes: bytes / 2 ** 30 };
}

/** The same by arithmetic: what is expected of {@link simulate}. */
export function expected({ replicas, sessions }: Load): Second {
  const calls = sessions * CALLS_PER_S;
  const elsewhere = calls * ASKING * (1 - 1 / replicas);
  /** Of the replicas, how many have at least one of so many streams. */
  const reached = (streams: number) => replicas * (1 - (1 - 1 / replicas) ** streams);
  const perCall = SCRIPTS_PER_CALL + STREAMED * SCRIPTS_PER_STREAMED_CALL;
  const kept = calls * STREAMED * KEPT_S * KEPT_BYTES;
  return {
    commands: calls * perCall + elsewhere + CHANGES_PER_S + COMMANDS_OF_IDLE_REPLICA * replicas,
    answers: elsewhere,
    changes: CHANGES_PER_S * reached(SUBSCRIBERS),
    listChanged: reached(sessions * STREAMS),
    gibibytes: (sessions * (SESSION_BYTES + STREAMS * CHANNEL_BYTES) + kept) / 2 ** 30,
  };
}

function print(): void {
  const rows = [10, 100, 1000].flatMap((replicas) =>
    [100_000, 1_000_000].map((sessions) => {
      const { commands, answers, changes, listChanged, gibibytes } = simulate({ replicas, sessions });
      return [replicas, sessions, commands, answers, changes, listChanged, gibibytes.toFixed(1)].join(' | ');
    }),
  );
  process.stdout.write(
    `replicas | sessions | commands | answers | changes | list_changed | GiB\n${rows.join('\n')}\n`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) print();
