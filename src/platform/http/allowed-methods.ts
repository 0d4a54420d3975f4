/** The methods that each path answers, so that a wrong one can be told from a wrong path. */
export class AllowedMethods {
  private readonly byPath = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  /** Takes note of a route, `url` as Fastify writes it (`/api/jobs/:job_id`). */
  add(methods: string | readonly string[], url: string): void {
    if (url.includes('*')) return; // a catch-all is no path that anybody means
    const entry = this.byPath.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const method of [methods].flat()) entry.methods.add(method);
    this.byPath.set(url, entry);
  }

  /** The methods that a URL (path and query) answers, sorted; none if there is no such path. */
  of(url: string): string[] {
    const path = url.split('?', 1)[0] ?? '';
    const found = new Set<string>();
    for (const { pattern, methods } of this.byPath.values()) {
      if (pattern.test(path)) for (const method of methods) found.add(method);
    }
    // Wherever there is something, one may ask what.
    if (found.size > 0) found.add('OPTIONS');
    return [...found].sort();
  }
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : escaped(part)));
  return new RegExp(`^${parts.join('/')}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
