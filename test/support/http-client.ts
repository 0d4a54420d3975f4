/** An answer of the API: status, headers, the bytes, and the JSON if it is JSON. */
export interface Answer<T = unknown> {
  status: number;
  headers: Headers;
  bytes: Buffer;
  /** The whole body, parsed; undefined where it is not JSON. */
  body: Body<T>;
  /** `data` of the envelope; throws with the whole answer if the call did not succeed. */
  data: T;
}

/** The envelope of the API. */
export interface Body<T> {
  success: boolean;
  data?: T;
  error?: string;
  error_code?: string;
  details?: { path: string; message: string }[];
  timestamp: string;
  trace_id: string;
  response_time_ms?: number;
  execution_id?: string;
  pagination?: Record<string, unknown>;
}

/** What a call sends. */
export interface Call {
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, application/octet-stream unless a header says otherwise. */
  raw?: Buffer | string;
  headers?: Record<string, string>;
  /** Ends the wait for an answer. */
  signal?: AbortSignal;
}

/** A client of one api process, signed in if it has a token. */
export class HttpClient {
  constructor(
    readonly baseUrl: string,
    readonly token?: string,
  ) {}

  /** The same user at another process. */
  at(baseUrl: string): HttpClient {
    return new HttpClient(baseUrl, this.token);
  }

  /** The same process as another user. */
  as(token: string): HttpClient {
    return new HttpClient(this.baseUrl, token);
  }

  get<T = unknown>(path: string, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.call<T>('GET', path, { headers });
  }

  post<T = unknown>(
    path: string,
    json: unknown = {},
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    return this.call<T>('POST', path, { json, headers });
  }

  /** Runs an admin action. */
  action<T = unknown>(
    action: string,
    payload: object = {},
    extra: { options?: object; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const json = { action, payload, ...(extra.options ? { options: extra.options } : {}) };
    return this.call<T>('POST', '/api/admin/action', { json, headers: extra.headers ?? {} });
  }

  /** Sends one request; a connection that fails is an error, every answer of the server is a result. */
  async call<T = unknown>(
    method: string,
    path: string,
    { json, raw, headers = {}, signal }: Call = {},
  ): Promise<Answer<T>> {
    const body = json === undefined ? raw : JSON.stringify(json);
    const type = json === undefined ? 'application/octet-stream' : 'application/json';
    const response = await fetch(new URL(path, this.baseUrl), {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': type }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
      redirect: 'manual',
      ...(signal ? { signal } : {}),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = /^application\/json/.test(response.headers.get('content-type') ?? '');
    const parsed = (isJson && bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : undefined) as Body<T>;
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      body: parsed,
      get data(): T {
        if (response.status >= 300 || parsed?.success !== true) {
          throw new Error(
            `${method} ${path} answered ${response.status}: ${bytes.toString('utf8').slice(0, 2_000)}`,
          );
        }
        return parsed.data as T;
      },
    };
  }
}
