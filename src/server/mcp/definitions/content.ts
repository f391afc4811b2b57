/** What a tool shows to its client, and what it can ask it, in MCP's own terms. */

export interface Annotations {
  readonly audience?: readonly ('user' | 'assistant')[];
  readonly priority?: number;
  readonly lastModified?: string;
}

/** An image that clients may show beside a name: an https or `data:` URI. */
export interface Icon {
  readonly src: string;
  readonly mimeType?: string;
  /** `48x48`, or `any`. */
  readonly sizes?: readonly string[];
  readonly theme?: 'light' | 'dark';
}

/** For clients and extensions that know its keys, such as `com.example/name`. */
export type Meta = Readonly<Record<string, unknown>>;

/** A resource as lists and links show it. */
export interface ResourceListing {
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  /** Bytes. */
  readonly size?: number;
  readonly icons?: readonly Icon[];
  readonly annotations?: Annotations;
  readonly _meta?: Meta;
}

export type ResourceContents = { readonly uri: string; readonly mimeType?: string; readonly _meta?: Meta } & (
  | { readonly text: string }
  | { readonly blob: string }
);

/** A content block (MCP schema `ContentBlock`). Binary data is base64. */
export type Content = { readonly annotations?: Annotations; readonly _meta?: Meta } & (
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image' | 'audio'; readonly data: string; readonly mimeType: string }
  | { readonly type: 'resource'; readonly resource: ResourceContents }
  | ({ readonly type: 'resource_link' } & ResourceListing)
);

type JsonObject = Readonly<Record<string, unknown>>;

/** A request to the client, in MCP's own terms. */
export type AskRequest =
  | {
      readonly method: 'elicitation/create';
      readonly params: {
        readonly message: string;
        readonly requestedSchema: JsonObject;
        readonly mode?: 'form';
      };
    }
  | AskByUrl
  | {
      readonly method: 'sampling/createMessage';
      readonly params: {
        readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: Content }[];
        readonly maxTokens: number;
        readonly systemPrompt?: string;
        readonly temperature?: number;
      };
    }
  | { readonly method: 'roots/list'; readonly params?: JsonObject };

/** Sends the user to a URL; only rules of docs/urls.md say to which. */
export interface AskByUrl {
  readonly method: 'elicitation/create';
  readonly params: { readonly mode: 'url'; readonly message: string; readonly url: string };
}

/** To an `ask` by URL, `accept` says that the user agreed to open it, not that anything was done there. */
export type AskAnswer<R extends AskRequest> = R extends { params: { mode: 'url' } }
  ? { readonly action: 'accept' | 'decline' | 'cancel' }
  : R extends { method: 'elicitation/create' }
    ? { readonly action: 'accept' | 'decline' | 'cancel'; readonly content?: JsonObject }
    : R extends { method: 'sampling/createMessage' }
      ? {
          readonly role: string;
          /** A list since revision 2025-11-25. */
          readonly content: Content | readonly Content[];
          readonly model: string;
          readonly stopReason?: string;
        }
      : { readonly roots: readonly { readonly uri: string; readonly name?: string }[] };
