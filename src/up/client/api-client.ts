import { setTimeout as sleep } from 'node:timers/promises';

/** The API refused a request. `code` is one of its error codes. */
export class ApiError extends Error {
  override name = 'ApiError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A job as `GET /api/jobs/{id}` shows it; what is used of it here. */
export interface JobView {
  job_id: string;
  title: string;
  status: JobStatus;
  progress: number;
  error: { code: string; message: string } | null;
  steps: { agent: string; status: string; progress: number; duration_s: number | null }[];
}

/** Where a job can be. */
export type JobStatus = 'queued' | 'processing' | 'completed' | 'failed' | 'cancelled';

/** A clip as `GET /api/jobs/{id}/clips` shows it; what is used of it here. */
export interface ClipView {
  clip_id: string;
  start_s: number;
  end_s: number;
  score: number;
  variants: { format: string; width: number; height: number; download_url: string }[];
}

interface Tokens {
  access_token: string;
  refresh_token: string;
}

interface RequestOptions {
  body?: Buffer | object;
  headers?: Record<string, string>;
}

/** How often a request is tried when the connection breaks or the server is busy. */
const TRIES = 5;

/** A signed-in user of the HTTP API. Signs in again by its refresh token when the access token has expired. */
export class ApiClient {
  private tokens: Tokens | undefined;

  /** @param url of the API, without a slash at its end */
  constructor(readonly url: string) {}

  /** The access token, for the gateway. */
  get accessToken(): string {
    if (!this.tokens) throw new Error('not signed in');
    return this.tokens.access_token;
  }

  async login(email: string, password: string): Promise<void> {
    this.tokens = await this.call<Tokens>('POST', '/api/auth/login', { body: { email, password } });
  }

  /** Renews the access token. */
  async refresh(): Promise<void> {
    const body = { refresh_token: this.tokens?.refresh_token };
    this.tokens = await this.call<Tokens>('POST', '/api/auth/refresh', { body });
  }

  /**
   * One request; answers with the `data` of the envelope. A broken connection, a 429 and a 503 are tried again.
   *
   * @throws ApiError with what the server said
   */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    try {
      return await this.call<T>(method, path, options);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || !this.tokens) throw error;
      await this.refresh();
      return this.call<T>(method, path, options);
    }
  }

  private async call<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      let response: Response;
      try {
        response = await fetch(`${this.url}${path}`, { method, ...this.payload(options) });
      } catch (error) {
        if (attempt >= TRIES) throw unreachable(this.url, error);
        await sleep(250 * 2 ** attempt);
        continue;
      }
      if ([429, 503].includes(response.status) && attempt < TRIES) {
        const seconds = Number(response.headers.get('retry-after') ?? 1);
        await response.body?.cancel();
        await sleep(Math.min(Math.max(seconds, 0.2), 30) * 1_000);
        continue;
      }
      return read<T>(response);
    }
  }

  private payload({ body, headers = {} }: RequestOptions): RequestInit {
    const auth: Record<string, string> = this.tokens
      ? { authorization: `Bearer ${this.tokens.access_token}` }
      : {};
    if (body === undefined) return { headers: { ...auth, ...headers } };
    const binary = Buffer.isBuffer(body);
    const type = binary ? 'application/octet-stream' : 'application/json';
    return {
      headers: { 'content-type': type, ...auth, ...headers },
      body: binary ? new Uint8Array(body) : JSON.stringify(body),
    };
  }
}

function unreachable(url: string, error: unknown): Error {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return new Error(`${url} cannot be reached (${cause?.code ?? cause?.message ?? String(error)}).`, {
    cause: error,
  });
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: { data?: T; error?: string; error_code?: string };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    throw new ApiError(
      response.status,
      'NO_JSON',
      `The server at ${response.url} is no AgentOS API (HTTP ${response.status}).`,
    );
  }
  if (response.ok) return body.data as T;
  throw new ApiError(response.status, body.error_code ?? 'UNKNOWN', body.error ?? `HTTP ${response.status}`);
}
