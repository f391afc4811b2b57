import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createKeepAlive } from '../../../../src/server/mcp/exchange/keep-alive.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

test.each([50, 15_000, 3_600_000])(
  'with a comment every %s ms, what is open still keeps its session at least every 20 s',
  (intervalMs) => {
    const keepAlive = createKeepAlive(intervalMs);
    const stream = { ping: jest.fn(), recheck: jest.fn(), bufferedBytes: 0 };
    keepAlive.add(stream);
    jest.advanceTimersByTime(60_000);

    expect(stream.recheck.mock.calls.length).toBeGreaterThanOrEqual(3);
    expect(stream.ping).toHaveBeenCalledTimes(Math.floor(60_000 / intervalMs));
    keepAlive.close();
    stream.recheck.mockClear();
    jest.advanceTimersByTime(60_000);
    expect(stream.recheck).not.toHaveBeenCalled();
  },
);
