/** Whether an audit record is of a request; the one of the start is not. */
export const isOfRequest = (record: object) =>
  !('detail' in record && Object.hasOwn(Object(record.detail), 'definitions'));
