/** Upper bounds of the buckets of durations, in seconds. */
const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30] as const;

/** A line of a metric, as prom-client has them. */
interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** What is counted of the requests of one method and route. Counting is a few additions, since every request does it. */
export class HttpSeries {
  private readonly statuses = new Map<number, number>();
  /** By the first bound that a duration does not exceed; the last is for those beyond all. */
  private readonly buckets = new Array<number>(BOUNDS.length + 1).fill(0);
  private sum = 0;

  constructor(
    private readonly method: string,
    private readonly route: string,
  ) {}

  /** Counts an answer that took so long, in seconds. */
  answered(status: number, seconds: number): void {
    this.refused(status);
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket++;
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + 1;
    this.sum += seconds;
  }

  /** Counts an answer to what was no request, and so took no time. */
  refused(status: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  /** How many were answered, by status. */
  counts(): { labels: Record<'method' | 'route' | 'status', string>; count: number }[] {
    const { method, route } = this;
    return [...this.statuses].map(([status, count]) => ({
      labels: { method, route, status: String(status) },
      count,
    }));
  }

  /** The lines of a histogram of that name. Those of a series without durations are none. */
  durations(name: string): Line[] {
    const labels = { method: this.method, route: this.route };
    let count = 0;
    const lines = this.buckets.map((found, bucket) => ({
      metricName: `${name}_bucket`,
      labels: { le: BOUNDS[bucket] ?? '+Inf', ...labels },
      value: (count += found),
    }));
    if (count === 0) return [];
    return [
      ...lines,
      { metricName: `${name}_sum`, labels, value: this.sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}

const all = new Map<string, Map<string, HttpSeries>>();

/** The one series of a method and a route: the template, so that ids in paths make no new ones. */
export function httpSeries(method: string, route: string): HttpSeries {
  let routes = all.get(method);
  if (!routes) {
    routes = new Map<string, HttpSeries>();
    all.set(method, routes);
  }
  let series = routes.get(route);
  if (!series) routes.set(route, (series = new HttpSeries(method, route)));
  return series;
}

/** All that there are. */
export function allHttpSeries(): HttpSeries[] {
  return [...all.values()].flatMap((routes) => [...routes.values()]);
}
