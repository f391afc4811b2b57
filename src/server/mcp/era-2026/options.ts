import type { Logger } from '../../observe/logger.js';
import type { ChangeBus, StreamSlots } from '../../stores/types.js';
import type { OpenExtension } from '../extensions/extension.js';
import type { Handlers } from '../calls/handlers.js';
import type { Catalog } from '../definitions/catalog.js';
import type { Introduction } from '../definitions/server-info.js';
import type { ResponseWriterOptions } from '../exchange/response-writer.js';
import type { RequestStateOptions } from './request-state.js';

/** A method whose capability is missing is answered as unknown. */
export interface Era2026Options extends Introduction, ResponseWriterOptions {
  readonly handlers: Handlers;
  readonly extensions: readonly OpenExtension[];
  readonly catalog: Catalog;
  readonly changes: ChangeBus;
  readonly requestState: RequestStateOptions;
  readonly streamSlots: StreamSlots;
  /** `MAX_STREAMS_PER_CALLER` */
  readonly maxStreamsPerCaller: number;
  readonly logger: Logger;
}
