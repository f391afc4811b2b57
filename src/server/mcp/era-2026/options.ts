import type { Logger } from '../../observe/logger.js';
import type { Bus, Change, PlaceStore } from '../../stores/types.js';
import type { Handlers } from '../calls/handlers.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Introduction } from '../definitions/server-info.js';
import type { KeepAlive } from '../exchange/keep-alive.js';
import type { RequestStateOptions } from './request-state.js';

/** A method whose capability is missing is answered as unknown. */
export interface Era2026Options extends Introduction {
  readonly handlers: Handlers;
  readonly catalog: Catalog;
  readonly changes: Bus<Change>;
  readonly requestState: RequestStateOptions;
  readonly places: PlaceStore;
  /** `MAX_STREAMS_PER_CALLER` */
  readonly maxStreamsPerCaller: number;
  readonly keepAlive: KeepAlive;
  /** `STREAM_MAX_BUFFER_BYTES` */
  readonly maxBufferBytes: number;
  readonly logger: Logger;
}
