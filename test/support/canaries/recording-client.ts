import { type Answer, type Call, HttpClient } from '../http-client';

const PROBLEM = { accept: 'application/problem+json' };

/** What a client was answered, by what it had asked. */
export class AnswerRecord {
  readonly answers: { request: string; status: number; text: string }[] = [];
}

/** A client whose answers are kept, heads and all. What was refused is asked for again in the form of RFC 9457. */
export class RecordingClient extends HttpClient {
  constructor(
    baseUrl: string,
    token: string | undefined,
    private readonly record: AnswerRecord,
  ) {
    super(baseUrl, token);
  }

  override at(baseUrl: string): RecordingClient {
    return new RecordingClient(baseUrl, this.token, this.record);
  }

  override as(token: string): RecordingClient {
    return new RecordingClient(this.baseUrl, token, this.record);
  }

  override async call<T = unknown>(method: string, path: string, call: Call = {}): Promise<Answer<T>> {
    const answer = await super.call<T>(method, path, call);
    this.keep(method, path, answer);
    if (answer.status >= 400) {
      const again = { ...call, headers: { ...call.headers, ...PROBLEM } };
      this.keep(method, path, await super.call(method, path, again));
    }
    return answer;
  }

  private keep(method: string, path: string, { status, headers, bytes }: Answer): void {
    const head = [...headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    this.record.answers.push({
      request: `${method} ${path.split('?')[0]}`,
      status,
      text: `${head}\n\n${bytes.toString('utf8')}`,
    });
  }
}
